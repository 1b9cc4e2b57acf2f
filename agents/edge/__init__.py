"""The firewall at the edge: port 25 of single addresses, blocked or sent through a smarthost.

The agent is the one of `agents/host.py`; what it commands is `Edge` (firewall.py), with nftables in
a table of its own, `inet plazo`. No other table is read or changed.
"""
