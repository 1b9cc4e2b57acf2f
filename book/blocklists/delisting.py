"""What a request for removal rests on, and the requests that were filed, word for word."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from domain.blocklists.blocklist import By
from domain.blocklists.watching import FORMAT


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What was wrong and what was done about it, as the book has it. Listings that the watch has
    reported are no complaints, and are not counted."""

    incident: str
    domain: str | None
    reports: int
    volume: int
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    fixed_at: datetime | None
    measures: tuple[tuple[str, datetime], ...]
    """Those that were in force, and since when each was asked for; the earliest first."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A listing that stands, with the list's own answer, where Plazo has asked for it itself."""

    subject: str
    zone: str
    found_at: datetime
    answer: str
    reason: str = ""
    asked: str = ""
    resolver: str = ""
    evidence: str = ""
    """The SHA-256 of the answer that is kept, in hexadecimal."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that was filed, or is about to be: `taken` is None until something came back."""

    key: str
    zone: str
    round: int
    """0 after the incident's first release, one more after each relapse."""
    subjects: tuple[str, ...]
    by: By
    sent_to: str
    sent: str
    """Word for word."""
    written_at: datetime
    reference: str = ""
    """What the list calls the listing; empty where it has no name."""
    taken: bool | None = None
    answer: str | None = None
    """What came back, word for word."""


async def cause(connection: Connection, incident: str) -> Cause:
    """Raises LookupError when there is no such incident."""
    row = await connection.fetchrow(
        "SELECT i.id, i.domain, i.fixed_at, count(r.id) AS reports,"
        " coalesce(sum(r.counted), 0) AS volume, min(r.sent_at) AS first, max(r.sent_at) AS last"
        " FROM incidents i LEFT JOIN reports r ON r.incident = i.id AND r.format <> $2"
        " WHERE i.id = $1 GROUP BY i.id",
        incident,
        FORMAT,
    )
    if row is None:
        raise LookupError(f"there is no incident {incident}")
    measures = await connection.fetch(
        "SELECT measure, asked_at FROM measures WHERE incident = $1"
        " AND observed IN ('applied', 'lifted') ORDER BY asked_at",
        incident,
    )
    return Cause(
        incident=row["id"],
        domain=row["domain"],
        reports=row["reports"],
        volume=row["volume"],
        first_sent_at=row["first"],
        last_sent_at=row["last"],
        fixed_at=row["fixed_at"],
        measures=tuple((each["measure"], each["asked_at"]) for each in measures),
    )


async def listings(
    connection: Connection, incident: str, zone: str, subjects: Sequence[str]
) -> tuple[Listing, ...]:
    """Those of these addresses and domains that stand on a list, in order."""
    rows = await connection.fetch(
        "SELECT l.subject, l.found_at, l.answer, e.body, encode(e.sha256, 'hex') AS sha256"
        " FROM listings l LEFT JOIN listing_periods p ON p.subject = l.subject"
        "   AND p.zone = l.zone AND p.cleared_at IS NULL"
        " LEFT JOIN evidence e ON e.sha256 = p.evidence"
        " WHERE l.incident = $1 AND l.zone = $2 AND l.subject = ANY($3::text[])"
        " AND l.cleared_at IS NULL ORDER BY l.address, l.subject",
        incident,
        zone,
        list(subjects),
    )
    found = []
    for row in rows:
        proof = json.loads(row["body"]) if row["body"] else {}
        found.append(
            Listing(
                subject=row["subject"],
                zone=zone,
                found_at=row["found_at"],
                answer=proof.get("answer", row["answer"]),
                reason=proof.get("reason", ""),
                asked=proof.get("asked", ""),
                resolver=proof.get("resolver", ""),
                evidence=row["sha256"] or "",
            )
        )
    return tuple(found)


async def filed(
    connection: Connection, incident: str, round: int | None = None, zone: str | None = None
) -> tuple[Asked, ...]:
    """Every request of an incident, or of one round of it and one list, in order."""
    rows = await connection.fetch(
        "SELECT key, zone, round, array_agg(subject ORDER BY subject) AS subjects, by, sent_to,"
        " reference, sent, written_at, taken, answer FROM delisting_requests"
        " WHERE incident = $1 AND ($2::int IS NULL OR round = $2)"
        " AND ($3::text IS NULL OR zone = $3)"
        " GROUP BY key, zone, round, by, sent_to, reference, sent, written_at, taken, answer"
        " ORDER BY written_at, key",
        incident,
        round,
        zone,
    )
    return tuple(
        Asked(**{**row, "subjects": tuple(row["subjects"]), "by": By(row["by"])}) for row in rows
    )


async def write(connection: Connection, incident: str, asked: Asked) -> None:
    """Before it is sent: what may have been sent is known, and sent again as it was."""
    await connection.execute(
        "INSERT INTO delisting_requests (incident, round, zone, subject, by, key, sent_to, sent,"
        "   written_at, reference)"
        " SELECT $1, $2, $3, subject, $5, $6, $7, $8, $9, $10"
        " FROM unnest($4::text[]) AS s (subject)"
        " ON CONFLICT DO NOTHING",
        incident,
        asked.round,
        asked.zone,
        list(asked.subjects),
        asked.by,
        asked.key,
        asked.sent_to,
        asked.sent,
        asked.written_at,
        asked.reference,
    )


async def answered(connection: Connection, key: str, *, taken: bool, answer: str) -> None:
    """What came back."""
    await connection.execute(
        "UPDATE delisting_requests SET answered_at = now(), taken = $2, answer = $3"
        " WHERE key = $1 AND answered_at IS NULL",
        key,
        taken,
        answer,
    )
