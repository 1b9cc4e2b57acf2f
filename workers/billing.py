"""Wakes deliveries: starts the workflow of each entry of the ledger that is to be billed elsewhere.

The outbox in PostgreSQL says which. An entry may be told of twice, never not at all: it is marked
once Temporal has taken the word, and told of again later if it still waits then. Any number of
processes may run this.
"""

import asyncio
import logging
from collections.abc import Sequence

from asyncpg import Pool, PostgresError
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from activities.billing.delivery import Deliveries
from activities.billing.port import Backends
from book.beside import beside
from book.database import LOST, transaction
from book.listen import listen
from book.money import outbox
from book.money.billing import CHANNEL
from book.money.outbox import Waiting
from domain.money.billing import Deliver
from workers.engine import TASK_QUEUE
from workers.settings.provider import Settings
from workflows.billing import BillingDelivery
from workflows.memory import CLIENT

log = logging.getLogger("plazo.billing")

AT_ONCE = 16
"""Workflows started side by side."""

_LOOK = 200
"""Entries that one look takes up; the rest is the next one's, which follows at once."""

_AWAY = (*LOST, PostgresError, RPCError)
"""PostgreSQL or Temporal is away."""

_PAUSE = 15.0
"""Seconds between two looks where nothing is heard: a notification may be lost."""

_PAUSE_AWAY = 5.0


def deliveries(settings: Settings, pool: Pool, backends: Backends, worker: str) -> Deliveries:
    """The step, as a worker carries it out."""
    return Deliveries(pool=pool, backends=backends, default=settings.billing, worker=worker)


class BillingDispatcher:
    """Carries waiting entries from `pool` to `client`. `default` bills clients that name none."""

    def __init__(self, pool: Pool, client: Client, default: str) -> None:
        self._pool = pool
        self._client = client
        self._default = default
        self._told = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Work until cancelled."""
        async with beside(listen(self._pool, CHANNEL, self._hear)):
            while True:
                self._told.clear()
                try:
                    while await self.look() == _LOOK:
                        pass
                    pause = _PAUSE
                except _AWAY as error:
                    log.warning("billing waits", extra={"why": str(error), "again": _PAUSE_AWAY})
                    pause = _PAUSE_AWAY
                try:
                    await asyncio.wait_for(self._told.wait(), pause)
                except TimeoutError:
                    continue

    async def look(self) -> int:
        """Wake every entry that waits, up to a number of them; how many that were."""
        async with transaction(self._pool) as connection:
            await outbox.keep_here(connection, self._default)
            waiting = await outbox.to_wake(connection, _LOOK)
        if waiting:
            await self._wake(waiting)
        return len(waiting)

    async def _wake(self, waiting: Sequence[Waiting]) -> None:
        starting = (self._start(each) for each in waiting)
        told = await asyncio.gather(*starting, return_exceptions=True)
        done = [each for each, error in zip(waiting, told, strict=True) if error is None]
        async with transaction(self._pool) as connection:
            await outbox.woken(connection, done)
        for error in told:
            if error is not None:
                raise error

    async def _start(self, waiting: Waiting) -> None:
        async with self._places:
            await self._client.start_workflow(
                BillingDelivery.run,
                Deliver(entry=waiting.key),
                id=f"billing-{waiting.key}",
                task_queue=TASK_QUEUE,
                start_signal="wake",  # to the one that runs, if one does
                static_summary=f"Bill {waiting.key}",
                static_details=(
                    f"Entry **{waiting.key}** of the ledger, incident `{waiting.incident}`, direct "
                    f"client `{waiting.client}`. `plazo billing deliveries`"
                ),
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(CLIENT, waiting.client)]
                ),
            )

    def _hear(self, payload: str) -> None:
        self._told.set()
