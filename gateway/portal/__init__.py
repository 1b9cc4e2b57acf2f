"""The direct client's side of the gateway: one incident, and what it can say of it."""
