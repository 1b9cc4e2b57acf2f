"""What comes in over HTTP and mail: reports, agents' words, the client portal, the console.

Nothing is decided here. What comes in is checked and bounded, put into the book of record or handed
to the incident's workflow, and only then answered.
"""
