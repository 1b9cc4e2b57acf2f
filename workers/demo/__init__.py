"""A small world to show an incident in: inboxes, a smarthost, a blocklist, mail hosts.

Everything listens on loopback, on free ports, and is gone when its `async with` ends.
"""
