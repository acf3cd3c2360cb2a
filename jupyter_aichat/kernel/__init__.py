"""What runs beside user code: the magics, the widget, the client of the server, and the engine where there is none."""
