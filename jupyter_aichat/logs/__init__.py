"""What a log line is about, and log lines as JSON."""
