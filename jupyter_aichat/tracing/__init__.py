"""Spans of requests and answers for OpenTelemetry; imported only where an operator wants them."""
