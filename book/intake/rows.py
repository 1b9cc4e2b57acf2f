"""Rows of reports: inserted so that a message counts once, however many reports are about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from domain.intake.attribution import Place
from domain.intake.complaints import Complaint

UNREAD = "unread"
"""The format of a report that no format understood."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row to be: of a complaint, or of a report that could not be read."""

    name: str
    reporter: str
    evidence: bytes
    complaint: Complaint | None
    place: Place | str
    """Whom it concerns, or why that is not known."""
    received_at: datetime | None = None
    """When it came, if that was not now."""

    @property
    def order(self) -> tuple[str, str, str]:
        """In this order no two transactions wait for each other over a service or a message."""
        service = self.place.service if isinstance(self.place, Place) else ""
        return service, self.fingerprint or "", self.name

    @property
    def fingerprint(self) -> str | None:
        return self.complaint.fingerprint if self.complaint is not None else None

    @property
    def volume(self) -> int:
        return self.complaint.volume if self.complaint is not None else 1


async def insert(connection: Connection, rows: Sequence[Row], joined: Mapping[str, str]) -> None:
    """Insert them; `joined` has the incident of each service."""
    counts = _counts(rows)
    left = sorted(rows, key=lambda row: row.order)
    while left:
        # Mostly once: again for what another transaction has counted in this very moment.
        inserted = await _insert(connection, left, counts, joined)
        left = [row for row in left if row.name not in inserted]


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    """What each would add to the volume if nothing was counted yet, by name."""
    counts: dict[str, int] = {}
    one_of: dict[tuple[str, str], str] = {}
    for row in rows:
        counts[row.name] = row.volume
        if isinstance(row.place, Place) and row.fingerprint is not None:
            one = one_of.setdefault((row.place.service, row.fingerprint), row.name)
            if one != row.name:
                counts[one] = max(counts[one], row.volume)
                counts[row.name] = 0
    return counts


async def _insert(
    connection: Connection,
    rows: Sequence[Row],
    counts: Mapping[str, int],
    joined: Mapping[str, str],
) -> set[str]:
    complaints = [row.complaint for row in rows]
    inserted = await connection.fetch(
        "SELECT * FROM keep_reports($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
        " $15, $16) AS id",
        [row.name for row in rows],
        [row.reporter for row in rows],
        [row.received_at for row in rows],
        [each and each.sent_at for each in complaints],
        [each and each.address for each in complaints],
        [each and each.domain for each in complaints],
        [each and each.sender for each in complaints],
        [each and each.message_id for each in complaints],
        [row.fingerprint for row in rows],
        [each.format if each else UNREAD for each in complaints],
        [row.volume for row in rows],
        [counts[row.name] for row in rows],
        [json.dumps(each.headers if each else ()) for each in complaints],
        [row.evidence for row in rows],
        [joined[row.place.service] if isinstance(row.place, Place) else None for row in rows],
        [row.place if isinstance(row.place, str) else None for row in rows],
    )
    return {row["id"] for row in inserted}
