"""Migrating: by any number of processes at once, and after one of them was killed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from book.schema import MIGRATIONS, migrate, missing
from tests.conftest import to_database

ALL = tuple(sorted(path.stem for path in MIGRATIONS.glob("*.sql")))

MIGRATE = "import sys; from book.schema import migrate; print(*migrate(sys.argv[1]))"


@pytest_asyncio.fixture
async def empty(server: str) -> AsyncIterator[str]:
    """The address of a database with nothing in it."""
    connection = await asyncpg.connect(server)
    await connection.execute("CREATE DATABASE nothing_yet")
    yield to_database(server, "nothing_yet")
    await connection.execute("DROP DATABASE nothing_yet WITH (FORCE)")
    await connection.close()


async def in_a_process(url: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIGRATE, url, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().split()


async def test_many_at_once_apply_each_migration_once(empty: str) -> None:
    assert await asyncio.to_thread(missing, empty) == ALL
    applied = await asyncio.gather(*(in_a_process(empty) for _ in range(3)))
    assert sorted(applied) == [[], [], [*ALL]]
    assert await asyncio.to_thread(missing, empty) == ()


async def test_the_lock_of_a_migration_that_was_killed_is_broken(empty: str) -> None:
    await asyncio.to_thread(missing, empty)  # makes yoyo's own tables
    connection = await asyncpg.connect(empty)
    await connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
    await connection.close()
    assert await asyncio.to_thread(migrate, empty) == ALL
    assert await asyncio.to_thread(migrate, empty) == ()


async def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match='"mysql" is no PostgreSQL address'):
        await asyncio.to_thread(missing, "mysql://127.0.0.1/plazo")
