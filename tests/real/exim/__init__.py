"""The measures on a real Exim."""
