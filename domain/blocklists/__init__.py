"""What is known of blocklists, and when the provider's addresses are looked up in them."""
