"""Which of the provider's addresses and domains are on which list, and what is done to get off."""
