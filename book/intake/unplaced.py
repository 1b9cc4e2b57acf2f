"""Reports that wait for a person, and what an import finds among them that it can place.

A report is unplaced while nobody had its address, or its client no contract, when the mail was
sent. What is imported later settles that in its own transaction, so that either both are there or
neither. Nothing slips through between the two: whoever keeps an unplaced report shares a lock that
an import takes alone before it looks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from asyncpg import Connection

from book.intake.attribution import PLACE
from book.intake.joining import join
from book.intake.rows import Row
from domain.intake.attribution import Place

LATEST = timedelta(days=30)
"""Mail that was sent longer ago opens no incident and joins none, be it reported or placed late.

An incident gives a client time to end what is going on, and counts against them for a year. After
this long there is nothing left to end, and that nobody was told in time was not the client's doing:
their address was missing from the provider's own book. The reports are kept, unplaced.
"""

_LOCK = "SELECT pg_advisory_xact_lock{}(4)"


async def wait_for_imports(connection: Connection) -> None:
    """Until the transaction ends, no import looks for what waits; one that does is waited for."""
    await connection.execute(_LOCK.format("_shared"))


async def keep_waiting(connection: Connection) -> None:
    """Until the transaction ends, no unplaced report is kept; those being kept are waited for."""
    await connection.execute(_LOCK.format(""))


def sent_long_ago(sent_at: datetime) -> str:
    """Why a report of such mail waits for a person."""
    return f"its mail was sent {sent_at:%Y-%m-%d}, more than {LATEST.days} days before the report"


async def hand_to_a_person(connection: Connection, rows: Sequence[Row]) -> None:
    """A task for what could not be placed or read: one that is open stands for all that comes.

    It is about an address, or about what one reporter sent: without an address, or on one day what
    nobody could read.
    """
    wanted: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows:
        if isinstance(row.place, Place):
            continue
        if row.complaint is None:
            about = ("read_report", row.reporter)
            detail = f"{row.reporter} sent what no format understands ({row.place}): read it"
        else:
            about = ("place_report", row.complaint.address or f"none, from {row.reporter}")
            old = row.place == sent_long_ago(row.complaint.sent_at)
            what = "look at the reports" if old else "import the address, or look at the reports"
            detail = f"{row.place}: {what}"
        wanted.setdefault(about, (row.name, detail))
    if wanted:
        await connection.execute(
            "INSERT INTO tasks (key, kind, about, detail)"
            " SELECT kind || '/' || name, kind, CASE WHEN kind = 'read_report'"
            "   THEN about || ' ' || current_date ELSE about END, detail"
            " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])"
            "   AS given (kind, about, name, detail) ORDER BY 2, 3 ON CONFLICT DO NOTHING",
            [kind for kind, _ in wanted],
            [about for _, about in wanted],
            [name for name, _ in wanted.values()],
            [detail for _, detail in wanted.values()],
        )


async def attach(connection: Connection) -> tuple[str, ...]:
    """Join what waits to incidents, as far as the book now says whose it is; those incidents.

    Opens them where need be, wakes them, and closes the tasks that are settled by it.
    """
    await keep_waiting(connection)
    rows = await connection.fetch(
        "SELECT mail.id, mail.domain, host(mail.address) AS address, place.* FROM ("  # noqa: S608
        "  SELECT id, domain, address, sent_at AS at FROM reports"
        "    WHERE incident IS NULL AND address IS NOT NULL AND sent_at > now() - $1::interval"
        f") AS mail CROSS JOIN LATERAL ({PLACE}) AS place"
        " WHERE place.contract IS NOT NULL ORDER BY mail.at DESC",
        LATEST,
    )
    opened_with = {
        row["service"]: (
            Place(service=row["service"], client=row["client"], contract=row["contract"]),
            row["domain"],
        )
        for row in rows  # the earliest last
    }
    joined: dict[str, str] = {}
    if rows:
        joined = await join(connection, opened_with, alone=True)
        await connection.execute(
            "SELECT attach_reports($1, $2)",
            [row["id"] for row in rows],
            [joined[row["service"]] for row in rows],
        )
    incidents = tuple(sorted(joined.values()))
    await connection.execute(
        "SELECT mark_dirty(incident) FROM unnest($1::text[]) AS incident", list(incidents)
    )
    await _settle(connection, {row["address"]: joined[row["service"]] for row in rows})
    return incidents


async def _settle(connection: Connection, joined: Mapping[str, str]) -> None:
    """Close the tasks about addresses that are somebody's now, where nothing waits any more.

    `joined` has an incident for each address whose reports have just joined one.
    """
    await connection.execute(
        "WITH known AS MATERIALIZED (SELECT key, about, about::inet AS address FROM tasks"
        "   WHERE kind = 'place_report' AND about NOT LIKE 'none%' AND done_at IS NULL),"
        " joined AS MATERIALIZED ("
        "   SELECT * FROM unnest($2::text[], $3::text[]) AS given (address, incident))"
        " UPDATE tasks t SET done_at = now(), outcome = coalesce('imported: joined ' || j.incident,"
        "     'imported: its mail was sent too long ago to open an incident')"
        " FROM known k LEFT JOIN joined j ON j.address = k.about WHERE t.key = k.key"
        " AND EXISTS (SELECT FROM service_addresses a WHERE a.address >>= k.address)"
        " AND NOT EXISTS (SELECT FROM reports r WHERE r.incident IS NULL"
        "   AND r.address = k.address AND r.sent_at > now() - $1::interval)",
        LATEST,
        list(joined),
        list(joined.values()),
    )
