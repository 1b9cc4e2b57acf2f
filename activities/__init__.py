"""Verbs that touch the world, one per step of `workflows/steps.py`.

Each class holds the connection that its verbs need. Every effect has a key from its incident and
step, so carrying it out twice changes nothing. `record.py` puts each attempt on the audit chain;
`blocklists/` is the port to DNS blocklists.
"""
