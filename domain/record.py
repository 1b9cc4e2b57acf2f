"""The audit chain: how an entry is hashed, and how a chain is verified.

Each entry's hash covers the one before it, so no entry can be changed, removed or put in between
without every later hash being wrong. PostgreSQL computes it when it appends
(`infra/migrations/0002.audit-chain.sql`); this computes it again, independently.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

GENESIS = bytes(32)
"""What the first entry of a chain follows."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of an incident's chain."""

    incident: str
    seq: int
    at: datetime
    source: str
    body: str
    previous: bytes
    hash: bytes


@dataclass(frozen=True, kw_only=True)
class Break:
    """The first entry of a chain that is not what was appended, and how that shows."""

    incident: str
    seq: int
    why: str

    def __str__(self) -> str:
        return f"{self.incident}: entry {self.seq}: {self.why}"


def canonical(body: object) -> str:
    """JSON with sorted keys and no spaces: one spelling for one content."""
    spelled = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # A word that is no text must not keep the rest, and what comes after it, off the record.
    return spelled.encode("utf-8", "replace").decode()


def link(previous: bytes, incident: str, seq: int, at: datetime, source: str, body: str) -> bytes:
    """SHA-256 over the previous hash and the entry's fields, each on a line of its own."""
    stamp = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    fields = "\n".join((incident, str(seq), stamp, source, body))
    return hashlib.sha256(previous + fields.encode()).digest()


def verify(
    incident: str, entries: Iterable[Entry], head_seq: int, head_hash: bytes
) -> Break | None:
    """Recompute a chain in order of `seq`; None when every entry is as it was appended."""
    expected, previous = 1, GENESIS
    for entry in entries:
        if entry.seq != expected:
            return Break(incident=incident, seq=expected, why="is missing")
        if entry.previous != previous:
            return Break(incident=incident, seq=expected, why="does not follow the one before it")
        at = (entry.previous, entry.incident, entry.seq, entry.at, entry.source, entry.body)
        # A source has no line break: with one, text could move between it and the body unseen.
        if entry.incident != incident or "\n" in entry.source or link(*at) != entry.hash:
            return Break(incident=incident, seq=expected, why="was changed after it was appended")
        expected, previous = expected + 1, entry.hash
    if expected - 1 < head_seq:
        return Break(incident=incident, seq=expected, why="is missing from the end")
    if head_seq != expected - 1 or head_hash != previous:
        return Break(incident=incident, seq=head_seq, why="is not the end that was recorded")
    return None
