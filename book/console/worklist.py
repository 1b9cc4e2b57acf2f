"""Incidents as the desk works through them: by urgency or by age, filtered, searched, paged."""

import ipaddress

from asyncpg import Connection, Record

from domain.console.pages import IncidentRow
from domain.console.views import Order, Query, Worklist
from domain.incident import Stage

_ROW = (
    "SELECT i.id AS incident, i.client, i.service, i.stage, i.outcome, i.opened_at, i.closed_at,"
    " i.deadline, i.measure, i.acknowledged, i.tasks_waiting AS tasks,"
    # As the last digest told them: a storm is not counted anew for each page.
    " coalesce(w.reports, (SELECT count(*) FROM reports r WHERE r.incident = i.id)) AS reports,"
    " coalesce(w.volume, (SELECT sum(counted) FROM reports r WHERE r.incident = i.id), 0)"
    "   AS volume,"
    " (SELECT count(*) FROM listings l WHERE l.incident = i.id AND l.cleared_at IS NULL) AS listed"
    " FROM incidents i LEFT JOIN woken w ON w.incident = i.id"
    " WHERE ($1::text IS NULL OR i.stage = $1) AND ($2::text IS NULL OR i.outcome = $2)"
    " AND ($3::text IS NULL OR i.client = $3)"
    " AND ($4::text IS NULL OR i.id ILIKE $4 OR i.domain ILIKE $4 OR i.service ILIKE $4"
    "   OR i.client IN (SELECT id FROM clients WHERE id ILIKE $4 OR name ILIKE $4))"
    # Whose address it is or was, and what was listed with it.
    " AND ($5::inet IS NULL"
    "   OR i.service IN (SELECT service FROM service_addresses WHERE address >>= $5)"
    "   OR EXISTS (SELECT FROM listings l WHERE l.incident = i.id AND l.address = $5))"
)
# The orders have indexes (0016.console.sql).
_URGENT = (
    " AND i.stage <> 'closed' AND ($7::text IS NULL"
    "   OR ((i.tasks_waiting = 0), coalesce(i.deadline, 'infinity'), i.opened_at, i.id)"
    "   > ($8::boolean, $9::timestamptz, $10::timestamptz, $7))"
    " ORDER BY (i.tasks_waiting = 0), coalesce(i.deadline, 'infinity'), i.opened_at, i.id LIMIT $6"
)
_LATEST = (
    " AND ($7::text IS NULL OR (i.opened_at, i.id) < ($8::timestamptz, $7))"
    " ORDER BY i.opened_at DESC, i.id DESC LIMIT $6"
)


async def find(connection: Connection, query: Query) -> Worklist:
    """The incidents that a query finds; an unknown `after` begins at the top."""
    last = await connection.fetchrow(
        "SELECT id, (tasks_waiting = 0) AS calm, coalesce(deadline, 'infinity') AS due, opened_at"
        " FROM incidents WHERE id = $1",
        query.after,
    )
    place = dict(last) if last else {"id": None, "calm": None, "due": None, "opened_at": None}
    like, address = _sought(query.text.strip())
    wanted = (query.stage, query.outcome, query.client, like, address, query.limit + 1)
    if query.order is Order.URGENT:
        rows = await connection.fetch(_ROW + _URGENT, *wanted, *place.values())
    else:
        rows = await connection.fetch(_ROW + _LATEST, *wanted, place["id"], place["opened_at"])
    shown = tuple(row_of(row) for row in rows[: query.limit])
    return Worklist(rows=shown, after=shown[-1].incident if len(rows) > query.limit else None)


async def of_client(connection: Connection, client: str, limit: int) -> tuple[IncidentRow, ...]:
    """A client's incidents, the latest first."""
    query = Query(client=client, order=Order.LATEST, limit=limit)
    return (await find(connection, query)).rows


async def stages(connection: Connection) -> dict[Stage, int]:
    """How many open incidents are at each stage, in the order of stages."""
    rows = await connection.fetch(
        "SELECT stage, count(*) AS n FROM incidents WHERE stage <> 'closed' GROUP BY stage"
    )
    counts = {Stage(row["stage"]): row["n"] for row in rows}
    return {stage: counts[stage] for stage in Stage if stage in counts}


def row_of(row: Record) -> IncidentRow:
    return IncidentRow(**{**row, "stage": Stage(row["stage"])})


def _sought(text: str) -> tuple[str | None, str | None]:
    """What is looked for: a pattern for names and domains, or an address."""
    if not text:
        return None, None
    try:
        return None, str(ipaddress.ip_address(text))
    except ValueError:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"%{escaped}%", None
