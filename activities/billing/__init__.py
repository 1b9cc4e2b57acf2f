"""Where clients are billed: one file for each backend, registered by a name; and the delivery."""
