"""What is reported, and whose it is."""
