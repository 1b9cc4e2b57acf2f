"""Wakes incidents: starts each one's workflow at its first news, and tells it of later ones.

Everything that happens to an incident leaves a mark in PostgreSQL. The dispatcher turns any number
of marks into one signal with start, at most once an interval for each incident, so that a storm of
reports costs a workflow about what a few cost. Any number of dispatchers may run.
"""

import asyncio
import logging

from asyncpg import Pool, PostgresError
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from book.beside import beside
from book.database import LOST
from book.incident import news
from book.incident.news import Stirred
from book.listen import listen
from workers.engine import TASK_QUEUE
from workflows.incident import IncidentWorkflow
from workflows.memory import CLIENT, SERVICE
from workflows.state import Case

log = logging.getLogger("plazo.dispatcher")

AT_ONCE = 8
"""Incidents woken side by side; each holds a connection to PostgreSQL while it is."""

_AWAY = (*LOST, PostgresError, RPCError)
"""PostgreSQL or Temporal is away."""

_PAUSE = 5.0
"""Seconds after a failure; the marks stay where they are."""


class Dispatcher:
    """Carries news from `pool` to `client`. `interval` is in seconds."""

    def __init__(self, pool: Pool, client: Client, interval: float) -> None:
        self._pool = pool
        self._client = client
        self._interval = interval
        self._told = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; a signal that is under way is finished."""
        async with beside(listen(self._pool, news.CHANNEL, self._hear)):
            while not stopping.is_set():
                self._told.clear()
                try:
                    await self.look()
                    pause = self._interval
                except _AWAY as error:
                    log.warning("news wait", extra={"why": str(error), "again": _PAUSE})
                    pause = _PAUSE
                await self._rest(stopping, pause)

    async def look(self) -> int:
        """Wake every incident whose turn it is; how many that were."""
        stirred = await news.stirred(self._pool, self._interval)
        async with asyncio.TaskGroup() as group:
            for incident in stirred:
                group.create_task(self._wake(incident))
        return len(stirred)

    async def _wake(self, incident: str) -> None:
        async with self._places:
            try:
                async with news.taken(self._pool, incident) as stirred:
                    if stirred is not None:
                        await self._signal(stirred)
            except _AWAY as error:
                # Its marks are still there; the others need not wait for it.
                log.warning("not woken", extra={"incident": incident, "why": str(error)})

    async def _signal(self, stirred: Stirred) -> None:
        case = Case(incident=stirred.incident, service=stirred.service, client=stirred.client)
        try:
            await self._client.start_workflow(
                IncidentWorkflow.run,
                case,
                id=stirred.incident,
                task_queue=TASK_QUEUE,
                # A story is told once, however it has ended.
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                start_signal="news",
                start_signal_args=[stirred.news],
                static_summary=f"Outbound spam from {stirred.service} of {stirred.client}",
                static_details=(
                    f"Incident **{stirred.incident}**: service `{stirred.service}`, "
                    f"direct client `{stirred.client}`. `plazo incident show {stirred.incident}`"
                ),
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(CLIENT, stirred.client),
                        SearchAttributePair(SERVICE, stirred.service),
                    ]
                ),
            )
        except WorkflowAlreadyStartedError:
            # The books are open, so somebody has ended the workflow in Temporal.
            log.error("news that no workflow hears", extra={"incident": stirred.incident})

    async def _rest(self, stopping: asyncio.Event, pause: float) -> None:
        """Until something happens, but never longer than `pause`: a notification may be lost."""
        waiting = [asyncio.create_task(event.wait()) for event in (stopping, self._told)]
        await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    def _hear(self, incident: str) -> None:
        self._told.set()
