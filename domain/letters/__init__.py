"""What is said to a direct client, and what comes back."""
