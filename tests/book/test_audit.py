"""The audit chain in PostgreSQL: what is appended stays, and whatever is touched is found."""

import asyncio

import asyncpg
import pytest
from asyncpg import Connection, Pool

from book.database import transaction
from book.incident import audit
from domain.record import Break
from tests.book.provider import INCIDENT, an_incident

LENGTH = 9
"""Entries of the chain that the tests touch: the first says that the incident was opened."""


async def a_chain(pool: Pool) -> None:
    """An incident whose chain has more than the one entry that opens it."""
    await an_incident(pool)
    entries = [(f"decision:{number}", {"kind": "decision", "n": number}) for number in range(1, 9)]
    await appended(pool, *entries)


async def appended(pool: Pool, *entries: tuple[str, object]) -> None:
    async with transaction(pool) as connection:
        await audit.append(connection, INCIDENT, entries)


async def found(pool: Pool) -> Break | None:
    async with pool.acquire() as connection:
        return await audit.broken(connection, INCIDENT)


async def touched(pool: Pool, statement: str, *values: object) -> None:
    """What a superuser can do who switches the triggers off."""
    async with transaction(pool) as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        assert await connection.execute(statement, *values) != "UPDATE 0"


async def test_a_chain_is_whole_as_it_was_appended(database: Pool) -> None:
    await a_chain(database)
    assert await found(database) is None
    assert [each async for each in audit.verify_all(database)] == [(INCIDENT, LENGTH, None)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET body = body",
        "DELETE FROM audit WHERE seq = 3",
        "TRUNCATE audit",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
    ],
)
async def test_the_database_itself_refuses_to_change_the_chain(
    database: Pool, statement: str
) -> None:
    await a_chain(database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await database.execute(statement)
    assert await found(database) is None


@pytest.mark.parametrize(
    "assignment",
    [
        "body = body || ' '",
        "source = source || 'x'",
        "at = at + interval '1 microsecond'",
        "hash = sha256(hash)",
        "previous = sha256(previous)",
        "incident = 'incident-other-1'",
        "seq = seq + 1000",
    ],
)
@pytest.mark.parametrize("seq", [1, 5, LENGTH])
async def test_the_first_touched_entry_is_named(database: Pool, assignment: str, seq: int) -> None:
    await a_chain(database)
    await touched(database, f"UPDATE audit SET {assignment} WHERE seq = $1", seq)
    broken = await found(database)
    assert broken is not None
    assert broken.seq == seq


async def test_an_entry_that_is_rewritten_with_its_hash_breaks_the_one_after_it(
    database: Pool,
) -> None:
    await a_chain(database)
    await touched(
        database,
        "UPDATE audit SET body = 'x', hash = sha256(previous || convert_to(concat_ws(E'\\n',"
        " incident, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
        " source, 'x'), 'UTF8')) WHERE seq = 5",
    )
    broken = await found(database)
    assert str(broken) == f"{INCIDENT}: entry 6: does not follow the one before it"


async def test_a_removed_entry_is_missed(database: Pool) -> None:
    await a_chain(database)
    await touched(database, "DELETE FROM audit WHERE seq = 4")
    assert str(await found(database)) == f"{INCIDENT}: entry 4: is missing"


async def test_a_cut_tail_is_missed(database: Pool) -> None:
    await a_chain(database)
    await touched(database, "DELETE FROM audit WHERE seq > 7")
    assert str(await found(database)) == f"{INCIDENT}: entry 8: is missing from the end"


@pytest.mark.parametrize("tables", [("audit",), ("audit_heads",), ("audit", "audit_heads")])
async def test_a_chain_that_is_gone_is_missed(database: Pool, tables: tuple[str, ...]) -> None:
    await a_chain(database)
    for table in tables:
        await touched(database, f"DELETE FROM {table}")
    [(incident, _, broken)] = [each async for each in audit.verify_all(database)]
    assert incident == INCIDENT
    assert broken is not None


async def test_the_same_source_twice_changes_nothing(database: Pool) -> None:
    await a_chain(database)
    await appended(database, ("decision:3", {"kind": "other"}), ("decision:9", {"n": 9}))
    async with database.acquire() as connection:
        sources = [entry.source for entry in await audit.chain(connection, INCIDENT)]
    assert sources == ["opened", *(f"decision:{number}" for number in range(1, 10))]
    assert await found(database) is None


async def test_entries_that_come_at_once_make_one_chain(database: Pool) -> None:
    await a_chain(database)

    async def append(number: int) -> None:
        body = {"text": "ñ €\n\0", "n": number}
        await appended(database, (f"a:{number % 10}", body), (f"b:{number}", body))

    await asyncio.gather(*(append(number) for number in range(20)))
    assert [each async for each in audit.verify_all(database)] == [(INCIDENT, LENGTH + 30, None)]


async def test_what_is_rolled_back_leaves_no_gap(database: Pool) -> None:
    await a_chain(database)

    async def fail(connection: Connection) -> None:
        await audit.append(connection, INCIDENT, [("decision:9", {})])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        async with transaction(database) as connection:
            await fail(connection)
    await appended(database, ("decision:10", {}))
    assert [each async for each in audit.verify_all(database)] == [(INCIDENT, LENGTH + 1, None)]
