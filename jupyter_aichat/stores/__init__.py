"""Where chats last: one port (`base`), one implementation per database."""
