"""What tests of more than one room share: the book of record on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
from asyncpg import Pool

from book.database import open_pool
from book.schema import migrate
from workers.embedded.home import Home, temporary_folder
from workers.embedded.postgres import Postgres

TEMPLATE = "plazo_migrated"


@contextmanager
def a_home() -> Iterator[Home]:
    """Not pytest's own directory, which is closed to the user that PostgreSQL runs under."""
    with temporary_folder() as folder:
        home = Home.at(folder / "home")
        with home.claim():
            yield home


def to_database(dsn: str, name: str) -> str:
    """The same server's address, of another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@pytest_asyncio.fixture(scope="session")
async def server() -> AsyncIterator[str]:
    """The address of a PostgreSQL that lasts for the session, with a migrated template in it."""
    with a_home() as home:
        postgres = await Postgres.start(home)
        try:
            await _run(postgres.dsn, f"CREATE DATABASE {TEMPLATE}")
            await asyncio.to_thread(migrate, to_database(postgres.dsn, TEMPLATE))
            yield postgres.dsn
        finally:
            await postgres.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the server is a test on a real one, wherever it stands."""
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real)


@pytest_asyncio.fixture
async def dsn(server: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of a fresh, migrated database: a copy of the template, for one test."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    await _run(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield to_database(server, name)
    await _run(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def database(dsn: str) -> AsyncIterator[Pool]:
    """A pool on a fresh, migrated database."""
    pool = await open_pool(dsn)
    yield pool
    await pool.close()


async def _run(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
