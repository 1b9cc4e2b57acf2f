"""One report as it is on record, and what it came as."""

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection, Record

_REPORTED = (
    "SELECT r.id AS report, r.reporter, r.received_at, r.sent_at, r.format,"
    " host(r.address) AS address, r.domain, r.sender, r.message_id, r.volume, r.counted,"
    " r.headers, r.incident, r.unplaced, encode(r.evidence, 'hex') AS sha256, e.media_type,"
    " octet_length(e.body) AS bytes FROM reports r JOIN evidence e ON e.sha256 = r.evidence "
)


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A report. Of the offending message it has the headers only, redacted (RFC 6590)."""

    report: str
    reporter: str
    received_at: datetime
    sent_at: datetime
    """When the offending message was sent."""
    format: str
    address: str | None
    domain: str | None
    sender: str | None
    message_id: str | None
    volume: int
    """Messages that it is about."""
    counted: int
    """Of them, those that no other report had counted before."""
    headers: tuple[str, ...]
    incident: str | None
    unplaced: str | None
    """Why it is in no incident."""
    sha256: str
    """Of the evidence, in hexadecimal; the same evidence may be several reports'."""
    media_type: str
    """Of the evidence, as it was sent."""
    bytes: int
    """That the evidence has."""


async def one(connection: Connection, report: str) -> Reported:
    """Raises LookupError when there is no such report."""
    row = await connection.fetchrow(_REPORTED + "WHERE r.id = $1", report)
    if row is None:
        raise LookupError(f"there is no report {report}")
    return _reported(row)


async def find(
    connection: Connection, incident: str | None, *, after: str | None = None, limit: int
) -> tuple[Reported, ...]:
    """An incident's reports, or those of none (`incident` None): the latest mail first.

    The list goes on after the report `after`.
    """
    # Two spellings, for each has an index of its own.
    whose = "r.incident = $1" if incident else "r.incident IS NULL AND $1::text IS NULL"
    rows = await connection.fetch(
        f"{_REPORTED}WHERE {whose} AND ($2::text IS NULL"  # noqa: S608 - constants
        "   OR (r.sent_at, r.id) < (SELECT sent_at, id FROM reports WHERE id = $2))"
        " ORDER BY r.sent_at DESC, r.id DESC LIMIT $3",
        incident,
        after,
        limit,
    )
    return tuple(map(_reported, rows))


async def evidence_of(connection: Connection, report: str) -> tuple[bytes, str]:
    """What it came as, byte for byte, and its media type. Raises LookupError."""
    row = await connection.fetchrow(
        "SELECT e.body, e.media_type FROM reports r JOIN evidence e ON e.sha256 = r.evidence"
        " WHERE r.id = $1",
        report,
    )
    if row is None:
        raise LookupError(f"there is no report {report}")
    return row["body"], row["media_type"]


def _reported(row: Record) -> Reported:
    return Reported(**{**row, "headers": tuple(row["headers"])})
