"""Model servers: one port (`base`), one module per kind of server."""
