"""Reports on their way into the book: attributed, joined to an incident, or kept for a person."""
