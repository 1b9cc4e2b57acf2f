"""The provider's own detector: what this host sends too much of, from its mail server's log.

Nothing leaves the host while nothing is wrong; then numbers and one sender domain do. Recipients
are counted by a keyed hash, and their addresses are neither kept nor sent.
"""
