"""Reports that nobody would write, made of those that somebody would: `python -m tests.fuzz`."""
