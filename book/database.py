"""The connection to PostgreSQL."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg import Connection, Pool

SESSIONS = 16
"""Connections of one process. A handful of processes stay below PostgreSQL's usual limit of 100."""

LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""The connection cannot be made, or broke. In the middle of a statement asyncpg calls that an
error of its own state, InternalClientError: PostgreSQL's word and the broken socket cross."""

_COMMAND_SECONDS = 30.0
"""Longest that one statement may take; a step's attempt is given up after as long."""


async def open_pool(url: str, *, sessions: int = SESSIONS) -> Pool:
    """A pool of connections that read and write `jsonb` as Python values.

    Raises OSError or asyncpg.PostgresError when the database cannot be reached.
    """
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=sessions,
        command_timeout=_COMMAND_SECONDS,
        init=_prepare,
        reset=_leave_as_it_is,
        server_settings={"application_name": "plazo", "timezone": "UTC"},
    )


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One connection in one transaction: all that happens in the block, or nothing of it."""
    async with pool.acquire() as connection, connection.transaction():
        yield connection


async def _leave_as_it_is(connection: Connection) -> None:
    """What asyncpg would ask of PostgreSQL after each use: a round trip for nothing.

    Nothing here sets what outlives a transaction, and who listens stops listening by itself.
    """


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )
