"""Deliveries in a world of scripted answers; as a program, it records what is replayed.

`python -m tests.workflows.billing`: only for a new path, or when the story changed under a patch.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.money.billing import Deliver, Delivered, DeliveryState
from tests.workflows import servers
from tests.workflows.record import keep
from workflows.billing import BillingDelivery
from workflows.runner import in_tests

HISTORIES = Path(__file__).parent / "histories" / "billing"
NAMES = ("sent", "away", "told_again")

_numbers = itertools.count(1)


@dataclass(kw_only=True)
class FarAway:
    """Is away so many times, then answers what it is to answer, in turn."""

    away: int = 0
    answers: list[DeliveryState] = field(default_factory=lambda: [DeliveryState.SENT])
    asked: list[str] = field(default_factory=list)
    held: asyncio.Event | None = None
    """An attempt waits for it."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="deliver_entry")
    async def deliver_entry(self, what: Deliver) -> Delivered:
        self.asked.append(what.entry)
        self.begun.set()
        if self.away:
            self.away -= 1
            raise ApplicationError("away", next_retry_delay=timedelta(minutes=15))
        if self.held is not None:
            await self.held.wait()
        state = self.answers.pop(0)
        return Delivered(state=state, far_id="far-1" if state is DeliveryState.SENT else None)


@asynccontextmanager
async def delivering(
    engine: WorkflowEnvironment, world: FarAway
) -> AsyncIterator[WorkflowHandle[BillingDelivery, Delivered]]:
    """A delivery in this world, with a worker of its own."""
    queue = f"billing-{next(_numbers)}"
    async with Worker(
        engine.client, task_queue=queue, workflows=[BillingDelivery],
        activities=[world.deliver_entry], workflow_runner=in_tests(),
    ):  # fmt: skip
        yield await engine.client.start_workflow(
            BillingDelivery.run, Deliver(entry="incident-vps-1-1/delisting/1"),
            id=queue, task_queue=queue, start_signal="wake",
        )  # fmt: skip


async def told_again(
    engine: WorkflowEnvironment, world: FarAway
) -> tuple[WorkflowHandle[BillingDelivery, Delivered], Delivered]:
    """A delivery that is told of again while its first attempt is under way."""
    world.held = asyncio.Event()
    async with delivering(engine, world) as handle:
        await world.begun.wait()
        await handle.signal(BillingDelivery.wake)
        world.held.set()
        return handle, await handle.result()


async def record() -> None:
    """Tell each path once, and keep its run."""
    HISTORIES.mkdir(exist_ok=True)
    async with await servers.time_skipping() as engine:
        for name, world in (("sent", FarAway()), ("away", FarAway(away=3))):
            async with delivering(engine, world) as handle:
                await handle.result()
                keep(HISTORIES / f"{name}.json", await handle.fetch_history())
        twice = FarAway(answers=[DeliveryState.REFUSED, DeliveryState.SENT])
        handle, _ = await told_again(engine, twice)
        keep(HISTORIES / "told_again.json", await handle.fetch_history())


if __name__ == "__main__":
    asyncio.run(record())
    sys.stdout.flush()
    os._exit(0)  # as `tests/__main__.py` does, and for its reason
