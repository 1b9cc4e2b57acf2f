"""Letters and pages: complete, escaped, and the same in each language."""
