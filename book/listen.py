"""Hearing what PostgreSQL notifies: one connection, made again whenever it is lost."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from asyncpg import Pool, PostgresError

from book.database import LOST

log = logging.getLogger("plazo.book")

_PAUSE = 5.0
"""Seconds until a lost connection is made again. Who listens must look by itself now and then."""


async def listen(pool: Pool, channel: str, heard: Callable[[str], None]) -> None:
    """Call `heard` with the payload of every notification on `channel`, until cancelled.

    `heard` is also called with an empty payload whenever listening begins: what was notified
    before that was missed.
    """
    while True:
        try:
            await _listen_once(pool, channel, heard)
        except (*LOST, PostgresError) as error:
            log.warning("not listening", extra={"channel": channel, "why": str(error)})
        await asyncio.sleep(_PAUSE)


async def _listen_once(pool: Pool, channel: str, heard: Callable[[str], None]) -> None:
    gone = asyncio.Event()

    def tell(connection: object, pid: int, channel: str, payload: object) -> None:
        heard(str(payload))

    async with pool.acquire() as connection:
        connection.add_termination_listener(lambda _: gone.set())
        await connection.add_listener(channel, tell)
        heard("")
        try:
            await gone.wait()
        finally:
            with contextlib.suppress(*LOST):
                await connection.remove_listener(channel, tell)
