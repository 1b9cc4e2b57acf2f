"""The clients, contracts, hosts and services of the provider, from a file or another program."""
