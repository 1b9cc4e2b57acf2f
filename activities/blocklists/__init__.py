"""DNS blocklists (RFC 5782): which of the provider's addresses are on which of them."""
