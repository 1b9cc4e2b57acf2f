"""What people read: notices and pages in each language, and model contract clauses."""
