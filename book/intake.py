"""Reports come in: kept first, then attributed to a service and an incident. Nothing is dropped.

`accept` takes one. `Intake` takes many at once: those that wait at the same time are written in
one transaction, so that they share what a durable commit costs.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from asyncpg import Pool

from book.attribution import Asked, Attribution, Followed
from book.database import LOST, transaction
from book.reports import Accepted, Received, ReportedOtherwise, keep

__all__ = ["Accepted", "Intake", "Received", "ReportedOtherwise", "accept"]

WRITERS = 2
"""Transactions under way at once: one is prepared while the other waits for the disk."""

MOST_REPORTS = 256
"""In one transaction. Each takes a lock or two, of which PostgreSQL has some thousands for all."""

MOST_BYTES = 8 * 1024 * 1024
"""In one transaction, unless one report alone has more."""

_Waiting = tuple[Received, "asyncio.Future[Accepted]"]


async def accept(pool: Pool, received: Received) -> Accepted:
    """Write a report down and join it to its incident; committed when this returns.

    The same `reporter` and `id` again change nothing and are answered the same; with other contents
    they raise ReportedOtherwise. Neither may hold a slash.
    """
    [answer] = await _keep(pool, [received], Asked())
    if isinstance(answer, ReportedOtherwise):
        raise answer
    return answer


async def _keep(
    pool: Pool, batch: Sequence[Received], attribution: Attribution
) -> list[Accepted | ReportedOtherwise]:
    async with transaction(pool) as connection:
        return await keep(connection, batch, attribution)


class Intake:
    """Takes reports for a process that gets many. Two processes may each have one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.attribution = Followed(pool)
        self._waiting: deque[_Waiting] = deque()
        self._writers: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow who has which address while the block lasts.

        It accepts without that too, and then looks only when a report comes.
        """
        async with self.attribution.running():
            yield

    async def accept(self, received: Received) -> Accepted:
        """Like `accept` of this module: committed when this returns, whoever shares the commit.

        Raises what PostgreSQL says when it is away; the same report can then be sent again. One
        that cannot be kept fails alone. Given up while it is being written, it may be kept.
        """
        future: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append((received, future))
        if len(self._writers) < WRITERS:
            self._writers.add(asyncio.create_task(self._write()))
        return await future

    async def _write(self) -> None:
        """Write until nobody waits."""
        try:
            while batch := self._next():
                try:
                    await self._write_together(batch)
                except Exception as error:
                    for _, future in batch:
                        _settle(future, error)
        finally:
            # Here and not in a callback: whoever comes next must see that nobody writes for them.
            writer = asyncio.current_task()
            assert writer is not None
            self._writers.discard(writer)

    def _next(self) -> list[_Waiting]:
        """The next to be written together; those who were given up meanwhile are passed over."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST_REPORTS:
            received, future = self._waiting[0]
            size += len(received.content)
            if batch and size > MOST_BYTES:
                break
            self._waiting.popleft()
            if not future.done():
                batch.append((received, future))
        return batch

    async def _write_together(self, batch: list[_Waiting]) -> None:
        try:
            answers = await _keep(self._pool, [each for each, _ in batch], self.attribution)
        except LOST:
            raise
        except Exception:
            if len(batch) == 1:
                raise
            # One of them cannot be kept, or two transactions were in each other's way.
            for alone in batch:
                await self._write_alone(alone)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                _settle(future, answer)

    async def _write_alone(self, alone: _Waiting) -> None:
        received, future = alone
        try:
            [answer] = await _keep(self._pool, [received], self.attribution)
        except Exception as error:
            _settle(future, error)
        else:
            _settle(future, answer)


def _settle(future: "asyncio.Future[Accepted]", answer: Accepted | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Accepted):
        future.set_result(answer)
    else:
        future.set_exception(answer)
