"""When outgoing mail, or a receiver's refusal of it, says that something is wrong."""
