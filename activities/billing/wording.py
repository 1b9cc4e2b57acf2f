"""What an entry is called at the far side, and how its key is found there again."""

import re

from domain.money.ledger import Entry

_MARK = re.compile(r"\bplazo:(\S+)")
_LONGEST = 400
"""Characters; an invoice's line is hardly longer anywhere."""


def line_of(entry: Entry) -> str:
    """One line for an invoice: what it is for, and on which clause."""
    told = " ".join(entry.reason.split())
    clause = f", clause {entry.clause}" if entry.clause else ""
    return f"{entry.incident}{clause}: {told}"[:_LONGEST]


def mark(key: str) -> str:
    """What is written into a free text there, so that the entry is found again."""
    return f"plazo:{key}"


def marked(text: str) -> str | None:
    """The key that a free text bears."""
    found = _MARK.search(text)
    return None if found is None else found[1].rstrip("].,;)")
