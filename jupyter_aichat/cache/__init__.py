"""Short-lived values: one port (`base`), one implementation per medium."""
