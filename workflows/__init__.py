"""The durable story of an incident. Deterministic: it decides nothing that is not on record.

`incident.py` reads as the policy reads. `steps.py` names what it asks of the world, with each
step's retry policy, once. `acts.py` is what people and clients may do to it while it runs.
`state.py` is what it remembers, `record.py` how its decisions reach the audit chain.
"""
