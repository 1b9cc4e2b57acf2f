"""Where a provider's clients already are; one file for each program, registered by a name."""
