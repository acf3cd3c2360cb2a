"""The extension's HTTP and WebSocket side: handlers decode, call the engine once, and encode."""
