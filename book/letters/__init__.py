"""What was written to clients, by which way it went, and what came back."""
