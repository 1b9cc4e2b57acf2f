"""The host agent, against gateways and mail servers that misbehave."""
