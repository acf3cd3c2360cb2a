"""What Prometheus may ask about a server: counted as things end, or looked at when somebody asks."""
