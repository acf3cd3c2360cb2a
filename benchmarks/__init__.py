"""What we promise, measured."""
