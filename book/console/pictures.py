"""What happened when: an incident's messages, held mail, measures and listings, to be drawn."""

from datetime import datetime, timedelta
from itertools import accumulate

from asyncpg import Connection

from book.incident.measures import restriction_of
from domain.console.views import Picture, Span

BARS = 60
"""About as many bars as a page has room for."""

_STEPS = (60, 300, 900, 3_600, 10_800, 21_600, 86_400, 604_800)

_MOST_ROWS = 40
"""Lines of the grid of listings; a list more often has one of them than fifty."""


async def picture(connection: Connection, incident: str) -> Picture | None:
    """None where nothing can be drawn yet."""
    row = await connection.fetchrow(
        "SELECT i.deadline, least(i.opened_at, (SELECT min(sent_at) FROM reports"
        "   WHERE incident = i.id AND sent_at > i.opened_at - interval '7 days')) AS begin,"
        " coalesce(i.closed_at, now()) AS end FROM incidents i WHERE i.id = $1",
        incident,
    )
    if row is None:
        return None
    begin: datetime = row["begin"]
    end: datetime = max(row["end"], row["deadline"] or row["end"], begin + timedelta(minutes=30))
    step = _step((end - begin).total_seconds() / BARS)
    bars = int((end - begin).total_seconds() // step) + 1
    return Picture(
        begin=begin,
        end=begin + timedelta(seconds=step * bars),
        step=step,
        messages=await _messages(connection, incident, begin, step, bars),
        held=await _held(connection, incident, begin, step, bars),
        deadline=row["deadline"],
        measures=await _measures(connection, incident),
        listings=await _listings(connection, incident),
    )


def _step(least: float) -> int:
    """Seconds of a bar that people can read off: minutes, quarters, hours, days."""
    return next((step for step in _STEPS if step >= least), _STEPS[-1])


async def _messages(
    connection: Connection, incident: str, begin: datetime, step: int, bars: int
) -> tuple[int, ...]:
    rows = await connection.fetch(
        "SELECT floor(extract(epoch FROM sent_at - $2) / $3)::int AS bar, sum(counted) AS n"
        " FROM reports WHERE incident = $1 AND sent_at >= $2 GROUP BY bar",
        incident, begin, step,
    )  # fmt: skip
    counts = {row["bar"]: int(row["n"]) for row in rows}
    return tuple(counts.get(bar, 0) for bar in range(bars))


async def _held(
    connection: Connection, incident: str, begin: datetime, step: int, bars: int
) -> tuple[int, ...]:
    """In hold at the end of each bar: come in, and not gone. They go when their measure ends."""
    rows = await connection.fetch(
        "SELECT greatest(floor(extract(epoch FROM at - $2) / $3)::int, 0) AS bar, sum(change) AS n"
        " FROM (SELECT greatest(h.arrived_at, m.asked_at) AS at, 1 AS change FROM held_messages h"
        "     JOIN measures m ON m.key = h.measure WHERE m.incident = $1"
        "   UNION ALL SELECT m.observed_at, -1 FROM held_messages h"
        "     JOIN measures m ON m.key = h.measure WHERE m.incident = $1"
        "     AND h.fate IN ('delivered', 'discarded') AND m.observed_at IS NOT NULL) AS changes"
        " GROUP BY bar",
        incident, begin, step,
    )  # fmt: skip
    changes = {row["bar"]: int(row["n"]) for row in rows}
    return tuple(accumulate(changes.get(bar, 0) for bar in range(bars)))


async def _measures(connection: Connection, incident: str) -> tuple[Span, ...]:
    rows = await connection.fetch(
        "SELECT *, CASE WHEN observed IN ('lifted', 'failed') THEN observed_at END AS ended"
        " FROM measures WHERE incident = $1 ORDER BY asked_at",
        incident,
    )
    return tuple(
        Span(
            label=str(restriction_of(row)),
            begin=row["asked_at"],
            end=row["ended"],
            detail=row["observed"] or "not seen yet",
        )
        for row in rows
    )


async def _listings(
    connection: Connection, incident: str
) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    rows = await connection.fetch(
        "SELECT host(address) || ' ' || zone AS cell, answer, found_at, cleared_at FROM listings"
        " WHERE incident = $1 ORDER BY address, zone, found_at",
        incident,
    )
    cells: dict[str, list[Span]] = {}
    for row in rows:
        span = Span(
            label=row["cell"], begin=row["found_at"], end=row["cleared_at"], detail=row["answer"]
        )
        cells.setdefault(row["cell"], []).append(span)
    return tuple((cell, tuple(spans)) for cell, spans in list(cells.items())[:_MOST_ROWS])
