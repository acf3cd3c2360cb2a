"""How much people may do: requests, open connections, tokens and time of generation. Knows ports only."""
