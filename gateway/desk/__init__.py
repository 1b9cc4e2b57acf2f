"""The desk's side of the gateway: who comes in, what they see, and what they do."""
