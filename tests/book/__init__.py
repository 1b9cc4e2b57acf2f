"""The book of record on a real PostgreSQL."""
