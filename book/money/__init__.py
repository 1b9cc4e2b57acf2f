"""The ledger, what is brought onto it and read from counters, its way into billing systems."""
