"""What `plazo up` and `plazo demo` start by themselves on one machine: PostgreSQL and Temporal.

`home.py` is the state directory: one run holds it at a time, and what a killed run left behind is
ended there. `leftovers.py` remembers which processes are ours, `process.py` starts and stops one,
`ports.py` finds it a port, `programs.py` finds its program. `postgres.py` and `temporal.py` are
the two servers. They listen on the loopback address only.
"""


class NotStarted(Exception):
    """The embedded stack cannot run here as things are; the message says what to do about it."""
