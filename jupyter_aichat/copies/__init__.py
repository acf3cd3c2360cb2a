"""All that a store keeps, carried to another store or into a file and back."""
