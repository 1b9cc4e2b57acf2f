"""The audit chain in PostgreSQL: appended to here, verified by `domain/record.py`."""

from collections.abc import AsyncIterator, Sequence

from asyncpg import Connection, Pool

from domain.record import Break, Entry, canonical, verify


async def append(
    connection: Connection, incident: str, entries: Sequence[tuple[str, object]]
) -> None:
    """Append entries, each a source and a JSON body, in order; known sources change nothing."""
    await connection.execute(
        "SELECT audit_append($1, source, body)"
        " FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS given (source, body, n)"
        " ORDER BY n",
        incident,
        [source for source, _ in entries],
        [canonical(body) for _, body in entries],
    )


async def chain(connection: Connection, incident: str) -> list[Entry]:
    """An incident's entries in order."""
    rows = await connection.fetch("SELECT * FROM audit WHERE incident = $1 ORDER BY seq", incident)
    return [Entry(**row) for row in rows]


async def broken(connection: Connection, incident: str) -> Break | None:
    """Recompute one chain; the first entry that is not as it was appended."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow(
            "SELECT seq, hash FROM audit_heads WHERE incident = $1", incident
        )
        entries = await chain(connection, incident)
    if head is None:
        return Break(incident=incident, seq=0, why="has no recorded end") if entries else None
    return verify(incident, entries, head["seq"], head["hash"])


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
