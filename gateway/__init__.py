"""HTTP in: reports, the agents' interface, the client portal, the operators' console and read API.

Nothing is decided here. What comes in is checked and bounded, put into the book of record or handed
to the incident's workflow, and only then answered.
"""
