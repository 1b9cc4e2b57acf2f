"""The audit chain in PostgreSQL: appended to here, verified by `domain/record.py`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from asyncpg import Connection, Pool

from domain.chronicle import Chronicle
from domain.record import Break, Entry, canonical, verify
from domain.wire import to_json


async def append(
    connection: Connection, incident: str, entries: Sequence[tuple[str, object]]
) -> None:
    """Append entries, each a source and a JSON body, in order; known sources change nothing."""
    await connection.execute("SELECT audit_append($1, $2, $3)", incident, *_spelled(entries))


async def append_and_show(
    connection: Connection, chronicle: Chronicle, entries: Sequence[tuple[str, object]]
) -> None:
    """Append entries, and keep how the workflow says that it looks: both, or neither.

    An older word than the last on how it looks changes nothing.
    """
    view = chronicle.view
    # One statement: every step begins with it.
    await connection.execute(
        "WITH looks AS ("
        "  UPDATE incidents SET view_revision = $4, deadline = $6, measure = $7,"
        "  acknowledged = $8, conditions = $9, fixed_at = $10, upcoming = $11,"
        # The books are closed by `incidents.close` alone, and stay closed.
        "  stage = CASE WHEN 'closed' IN (stage, $5) THEN stage ELSE $5 END"
        "  WHERE id = $1 AND view_revision < $4)"
        " SELECT audit_append($1, $2, $3)",
        chronicle.incident,
        *_spelled(entries),
        view.revision,
        view.stage,
        view.deadline,
        view.measure,
        view.acknowledged,
        list(view.conditions),
        view.fixed_at,
        None if view.upcoming is None else to_json(view.upcoming),
    )


def _spelled(entries: Sequence[tuple[str, object]]) -> tuple[list[str], list[str]]:
    return [source for source, _ in entries], [canonical(body) for _, body in entries]


async def chain(connection: Connection, incident: str) -> list[Entry]:
    """An incident's entries in order."""
    rows = await connection.fetch("SELECT * FROM audit WHERE incident = $1 ORDER BY seq", incident)
    return [Entry(**row) for row in rows]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A chain as it is, and the first entry that is not as it was appended."""

    entries: list[Entry]
    found: Break | None


async def checked(connection: Connection, incident: str) -> Checked:
    """Read one chain, and recompute it."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow(
            "SELECT seq, hash FROM audit_heads WHERE incident = $1", incident
        )
        entries = await chain(connection, incident)
    if head is None:
        lost = Break(incident=incident, seq=0, why="has no recorded end") if entries else None
        return Checked(entries=entries, found=lost)
    return Checked(entries=entries, found=verify(incident, entries, head["seq"], head["hash"]))


async def broken(connection: Connection, incident: str) -> Break | None:
    """Recompute one chain; the first entry that is not as it was appended."""
    return (await checked(connection, incident)).found


async def verify_all(pool: Pool) -> AsyncIterator[tuple[str, int, Break | None]]:
    """Every chain: incident, number of entries, and the first break if there is one."""
    async with pool.acquire() as connection:
        known = await connection.fetch(
            "SELECT incident FROM audit_heads UNION SELECT incident FROM audit"
            # Each incident is opened with a chain: one without has lost it.
            " UNION SELECT id FROM incidents ORDER BY incident"
        )
        for row in known:
            incident = row["incident"]
            count = await connection.fetchval(
                "SELECT count(*) FROM audit WHERE incident = $1", incident
            )
            found = await broken(connection, incident)
            if found is None and count == 0:
                found = Break(incident=incident, seq=1, why="is missing: the chain is gone")
            yield incident, count, found
