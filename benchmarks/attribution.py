"""Attribution over a million prefixes: microseconds and memory, beside a radix tree that is kept.

Each structure is built and asked in a process of its own (`prefixes.py`), so that its memory is its
own. Beside ours: py-radix, a patricia tree in C, which finds the longest prefix and nothing else;
and a dictionary of addresses as they are written, the least that any lookup costs in Python. Ours
finds the period, the client and the contract as well. Then the index as the gateway has it: read
from PostgreSQL, and brought up to date after one address has moved.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from asyncpg import Pool, Range

from benchmarks.prefixes import CLIENTS, KINDS, SERVICES, Found, periods, prefixes
from benchmarks.table import Row, Table, row
from book.database import open_pool
from book.intake.attribution import Followed
from book.schema import migrate
from workers.embedded.home import Home, temporary_folder
from workers.embedded.postgres import Postgres

COUNT = 1_000_000
ROUNDS = 3


async def measure(count: int = COUNT, rounds: int = ROUNDS) -> Table:
    """Each structure in turn, `rounds` times; then ours on a real PostgreSQL."""
    found: dict[str, list[Found]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            found[kind].append(await _in_a_process(kind, count))
    rows = [
        each
        for kind in KINDS
        for each in (
            row(f"{kind}: a lookup", "µs", [one.microseconds for one in found[kind]]),
            row(f"{kind}: memory", "MiB", [one.mebibytes for one in found[kind]]),
            row(f"{kind}: built in", "s", [one.seconds for one in found[kind]]),
        )
    ]
    return Table(title=f"attribution: {count:,} prefixes", rows=(*rows, *await _followed(count)))


async def _in_a_process(kind: str, count: int) -> Found:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.prefixes", kind, str(count),
        cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return Found(**json.loads(output))


async def _followed(count: int) -> Sequence[Row]:
    with temporary_folder() as folder:
        home = Home.at(folder / "home")
        with home.claim():
            postgres = await Postgres.start(home)
            try:
                await asyncio.to_thread(migrate, postgres.dsn)
                pool = await open_pool(postgres.dsn)
                await _fill(pool, count)
                rows = await _follow(pool, count)
                await pool.close()
            finally:
                await postgres.stop()
    return rows


async def _fill(pool: Pool, count: int) -> None:
    """Straight into the tables: an import's exclusion constraints would take minutes."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "ALTER TABLE service_addresses DROP CONSTRAINT service_addresses_address_valid_excl"
        )
        await connection.execute(
            "INSERT INTO clients SELECT 'client-' || n, '', 'business', 'en', ARRAY['a@b.example']"
            f" FROM generate_series(0, {CLIENTS - 1}) AS n"
        )
        await connection.execute(
            "INSERT INTO contracts SELECT 'contract-' || n, 'client-' || n, '(,)', '{}'"
            f" FROM generate_series(0, {CLIENTS - 1}) AS n"
        )
        await connection.execute(
            f"INSERT INTO services SELECT 'vps-' || n, 'client-' || n % {CLIENTS}, 'managed_vps'"
            f" FROM generate_series(0, {SERVICES - 1}) AS n"
        )
        await connection.copy_records_to_table(
            "service_addresses",
            records=(
                (prefix, held.by, Range(held.since, held.until))
                for number, prefix in enumerate(prefixes(count))
                for held in periods(number)
            ),
            columns=("address", "service", "valid"),
        )
        await connection.execute("CREATE INDEX ON service_addresses (address)")
    await pool.execute("ANALYZE")


async def _follow(pool: Pool, count: int) -> Sequence[Row]:
    known = Followed(pool)
    began = time.perf_counter()
    await known.catch_up()
    read = time.perf_counter() - began
    assert len(known) == count
    [one] = [each for number, each in enumerate(prefixes(count)) if number == 1]
    await pool.execute("UPDATE service_addresses SET service = 'vps-9' WHERE address = $1", one)
    began = time.perf_counter()
    await known.catch_up()
    caught_up = time.perf_counter() - began
    return (
        row("ours: read from PostgreSQL in", "s", read),
        row("ours: brought up to date after a move in", "ms", 1_000 * caught_up),
    )
