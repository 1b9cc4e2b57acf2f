"""What an incident costs, the ledger that holds it, and what it is reckoned from."""
