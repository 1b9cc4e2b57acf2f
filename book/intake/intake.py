"""Reports on record: attributed to a service and joined to its incident. Nothing is dropped.

`accept` takes one. `Intake` takes many at once for whoever reads reports as they come, and
`book.inbox` has those that were acknowledged before anybody read them.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from asyncpg import Pool

from book.database import transaction
from book.intake.attribution import Asked, Attribution, Followed
from book.intake.reports import Accepted, Received, ReportedOtherwise, keep
from book.together import Together

__all__ = ["Accepted", "Intake", "Received", "ReportedOtherwise", "accept"]


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
        self._together: Together[Received, Accepted] = Together(
            self._write, lambda received: len(received.content)
        )

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
        return await self._together.add(received)

    async def _write(self, batch: Sequence[Received]) -> Sequence[Accepted | Exception]:
        return await _keep(self._pool, batch, self.attribution)
