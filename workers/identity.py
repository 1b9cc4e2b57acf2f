"""What a process of ours calls itself."""

import os
import socket


def identity() -> str:
    """In Temporal, and on the audit chain: `4711@host`."""
    return f"{os.getpid()}@{socket.gethostname()}"
