"""The step that delivers one entry: looks whether it is there, sends it, and keeps what came of it.

Killed at any point it is begun again, and the record says what may have happened: before an attempt
is on record nothing was sent; after that, the far side is asked before anything is sent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from asyncpg import Pool
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.billing.port import Away, Backends, Refused
from book.beside import beside
from book.database import transaction
from book.money import billed, billing
from book.money.billing import Look, NotYet, Send
from domain.money.billing import Deliver, Delivered, Outgoing

_BEAT = 3.0
"""Seconds between two signs of life while the far side thinks."""

AT_ONCE = 8
"""Entries that one process has on their way: no far side likes a storm, and no more than these are
in doubt when the process dies."""


@dataclass(frozen=True)
class Deliveries:
    """Verbs on `pool` and `backends`. `default` bills clients that name none; `worker` is who."""

    pool: Pool
    backends: Backends
    default: str
    worker: str
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @activity.defn(name="deliver_entry")
    async def deliver_entry(self, what: Deliver) -> Delivered:
        """Bring an entry to where its client is billed; fails for as long as that is away."""
        async with _alive(), self.places:
            while True:
                async with transaction(self.pool) as connection:
                    found = await billing.next_step(
                        connection, what.entry, self.default, self._settles, self.worker
                    )
                match found:
                    case Delivered():
                        return found
                    case NotYet(seconds=seconds):
                        raise _later("the last attempt may still arrive", seconds)
                    case Look(what=outgoing):
                        delivered = await self._look(outgoing)
                    case Send(what=outgoing):
                        delivered = await self._send(outgoing)
                if delivered is not None:
                    return delivered

    def _settles(self, backend: str) -> float:
        found = self.backends.ready.get(backend)
        return found.settles if found is not None else 0.0

    async def _look(self, what: Outgoing) -> Delivered | None:
        """None: it is not there, so that nothing has been sent."""
        async with self._told(what, unsure=True) as said:
            far_id = await self.backends.named(what.backend).find(what)
            if far_id is not None:
                return await self._sent(what, far_id)
            async with transaction(self.pool) as connection:
                await billed.absent(connection, what.entry.key, self.worker)
        return said.delivered

    async def _send(self, what: Outgoing) -> Delivered | None:
        async with self._told(what, unsure=False) as said:
            backend = self.backends.named(what.backend)
            if backend.needs_id and what.account is None:
                raise Refused(
                    f"client {what.entry.client} is billed by {what.backend}, and nobody has said"
                    f" as whom: add `billing: {{backend: {what.backend}, id: …}}` to the client and"
                    " import the file"
                )
            return await self._sent(what, await backend.send(what))
        return said.delivered

    async def _sent(self, what: Outgoing, far_id: str) -> Delivered:
        async with transaction(self.pool) as connection:
            return await billed.sent(connection, what.entry.key, far_id, self.worker)

    @asynccontextmanager
    async def _told(self, what: Outgoing, *, unsure: bool) -> AsyncIterator["_Said"]:
        """Keep a refusal, or raise for the next attempt. `unsure`: as it was before this."""
        said, key = _Said(), what.entry.key
        try:
            yield said
        except Refused as error:
            async with transaction(self.pool) as connection:
                said.delivered = await billed.refused(
                    connection, key, str(error), self.worker,
                    unsure=unsure, everywhere=error.everywhere,
                )  # fmt: skip
        except Away as error:
            maybe = unsure or error.unsure
            async with transaction(self.pool) as connection:
                seconds = await billed.postponed(
                    connection, key, str(error), self.worker,
                    unsure=maybe, answered=error.answered and not unsure, after=error.after,
                    at_least=self._settles(what.backend) if maybe else 0.0,
                )  # fmt: skip
            raise _later(str(error), seconds) from error


@dataclass
class _Said:
    """What a refusal has come to."""

    delivered: Delivered | None = None


def _later(why: str, seconds: float) -> ApplicationError:
    return ApplicationError(
        why, type="Away", next_retry_delay=timedelta(seconds=seconds),
        category=ApplicationErrorCategory.BENIGN,  # it is on record, and no fault of the worker's
    )  # fmt: skip


@asynccontextmanager
async def _alive() -> AsyncIterator[None]:
    async def go_on() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_BEAT)

    async with beside(go_on()):
        yield
