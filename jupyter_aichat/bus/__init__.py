"""How processes tell each other about runs: one port (`base`), one implementation per medium."""
