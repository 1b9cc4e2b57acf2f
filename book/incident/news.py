"""What wakes an incident's workflow: one digest of all that was heard, at most once an interval."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from asyncpg import Connection, Pool, Record

from book.blocklists.listings import REPORTED
from book.database import transaction
from domain.news import News, Observed, Sighting

CHANNEL = "plazo_news"
"""What `mark_dirty` notifies, with the incident's id."""

_MOST_SEEN = 200
"""Addresses, or domains, that one incident's mail is followed to."""

_AT_ONCE = 1_000
"""Incidents that one look takes up; the rest is the next look's."""


@dataclass(frozen=True, kw_only=True)
class Stirred:
    """An incident that something has happened to, and the news of it."""

    incident: str
    service: str
    client: str
    news: News


async def stirred(pool: Pool, interval: float) -> tuple[str, ...]:
    """The incidents with marks, not woken within `interval` seconds; the oldest mark first."""
    rows = await pool.fetch(
        "SELECT d.incident FROM dirty d LEFT JOIN woken w ON w.incident = d.incident"
        " WHERE w.at IS NULL OR w.at <= now() - make_interval(secs => $1)"
        " GROUP BY d.incident ORDER BY min(d.at) LIMIT $2",
        interval,
        _AT_ONCE,
    )
    return tuple(row["incident"] for row in rows)


@asynccontextmanager
async def taken(pool: Pool, incident: str) -> AsyncIterator[Stirred | None]:
    """Take an incident's marks; they stay if the block raises. None if another has taken them.

    None as well once the incident is closed, such as for what an agent says of a measure that
    stays: its workflow has ended, and may be forgotten, so nobody is to be woken or started.
    Marks are taken before the digest is read: what comes in between is in it, or leaves a mark.
    The revision is used up even when the block raises, so a digest that did reach the workflow
    is never followed by another of the same number.
    """
    async with transaction(pool) as connection:
        alone = await connection.fetchval(
            "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 3))", incident
        )
        gone = alone and await connection.fetchval(
            "WITH gone AS (DELETE FROM dirty WHERE incident = $1 RETURNING 1)"
            " SELECT count(*) FROM gone",
            incident,
        )
        if not gone or await _closed(connection, incident):
            yield None
            return
        revision = await connection.fetchval("SELECT nextval('news_revision')")
        found = await _digest(connection, incident, revision)
        await connection.execute(
            "INSERT INTO woken (incident, revision, reports, volume) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (incident) DO UPDATE SET revision = $2, at = now(), reports = $3,"
            " volume = $4",
            incident,
            revision,
            found.news.reports,
            found.news.volume,
        )
        yield found


async def _closed(connection: Connection, incident: str) -> bool:
    closed: bool = await connection.fetchval(
        "SELECT stage = 'closed' FROM incidents WHERE id = $1", incident
    )
    return closed


async def _digest(connection: Connection, incident: str, revision: int) -> Stirred:
    row = await connection.fetchrow(
        "SELECT i.service, i.client, count(r.id) AS reports, max(r.sent_at) AS last_sent_at,"
        " coalesce(sum(r.counted), 0) AS volume,"
        " (SELECT max(told_at) FROM tasks WHERE incident = i.id) AS told_at,"
        " (SELECT count(*) FROM tasks WHERE incident = i.id AND done_at IS NOT NULL) AS tasks_done,"
        " ARRAY(SELECT l.subject || ' ' || l.zone FROM listings l"
        "   WHERE l.incident = i.id AND l.cleared_at IS NULL ORDER BY 1) AS listed"
        " FROM incidents i LEFT JOIN reports r ON r.incident = i.id WHERE i.id = $1"
        " GROUP BY i.id",
        incident,
    )
    assert row is not None
    addresses = await connection.fetch(
        f"SELECT host(address) AS address FROM ({REPORTED}) AS theirs ORDER BY theirs.address"  # noqa: S608 - a constant
        " LIMIT $2",
        incident,
        _MOST_SEEN,
    )
    domains = await connection.fetch(
        "SELECT domain FROM reports WHERE incident = $1 AND domain IS NOT NULL"
        " GROUP BY domain ORDER BY min(received_at), domain LIMIT $2",
        incident,
        _MOST_SEEN,
    )
    measures = await connection.fetch(
        "SELECT key, observed, detail, held, delivered, discarded, kept FROM measures"
        " WHERE incident = $1 AND observed IS NOT NULL",
        incident,
    )
    bounced = await connection.fetch(
        "SELECT n.key, n.notice FROM notices n JOIN deliveries d ON d.notice = n.key"
        " WHERE n.incident = $1 AND d.taken_at IS NOT NULL AND d.failed_at IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM deliveries o WHERE o.notice = n.key AND o.failed_at IS NULL)",
        incident,
    )
    return Stirred(
        incident=incident,
        service=row["service"],
        client=row["client"],
        news=News(
            revision=revision,
            reports=row["reports"],
            last_sent_at=row["last_sent_at"],
            volume=row["volume"],
            listed=tuple(row["listed"]),
            sightings={measure["key"]: _sighting(measure) for measure in measures},
            bounced={row["key"]: row["notice"] for row in bounced},
            told_at=row["told_at"],
            tasks_done=row["tasks_done"],
            addresses=tuple(each["address"] for each in addresses),
            domains=tuple(each["domain"] for each in domains),
        ),
    )


def _sighting(row: Record) -> Sighting:
    return Sighting(
        observed=Observed(row["observed"]),
        detail=row["detail"],
        held=row["held"],
        delivered=row["delivered"],
        discarded=row["discarded"],
        kept=row["kept"],
    )
