"""A metering pass in a scripted world; as a program, it records what is replayed.

`python -m tests.workflows.metering`: only for a new path, or when the story changed under a patch.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.money.usage import (
    BilledLate,
    BillLate,
    MeterPass,
    PassMetered,
    Reconcile,
    Reconciled,
    Taken,
    TakeReadings,
)
from tests.workflows import servers
from tests.workflows.record import keep
from workflows.metering import Metering
from workflows.runner import in_tests

HISTORY = Path(__file__).parent / "histories" / "metering" / "pass.json"

_numbers = itertools.count(1)


@dataclass(kw_only=True)
class Meters:
    """What was asked; with `away`, the book is away for the first attempt of each step."""

    away: bool = False
    asked: list[str] = field(default_factory=list)

    def _once_more(self, step: str) -> None:
        self.asked.append(step)
        if self.away and self.asked.count(step) == 1:
            raise ConnectionError("the book is away")

    @activity.defn(name="take_readings")
    async def take_readings(self, what: TakeReadings) -> Taken:
        self._once_more("take")
        return Taken(readings=3, untold={"mx2": "not now"})

    @activity.defn(name="reconcile_usage")
    async def reconcile_usage(self, what: Reconcile) -> Reconciled:
        self._once_more("reconcile")
        return Reconciled(days=2, differ=1)

    @activity.defn(name="bill_late_usage")
    async def bill_late_usage(self, what: BillLate) -> BilledLate:
        self._once_more("bill")
        return BilledLate(incidents=1, charges=("incident-vps-1-1/smarthost/2",))

    @property
    def activities(self) -> list[Callable[..., Any]]:
        return [self.take_readings, self.reconcile_usage, self.bill_late_usage]


@asynccontextmanager
async def told(
    engine: WorkflowEnvironment, world: Meters
) -> AsyncIterator[WorkflowHandle[Metering, PassMetered]]:
    """A pass in this world, with a worker of its own."""
    queue = f"metering-{next(_numbers)}"
    async with Worker(
        engine.client, task_queue=queue, workflows=[Metering], activities=world.activities,
        workflow_runner=in_tests(),
    ):  # fmt: skip
        yield await engine.client.start_workflow(
            Metering.run, MeterPass(), id=queue, task_queue=queue
        )


async def record() -> None:
    """Tell it once, and keep the run."""
    HISTORY.parent.mkdir(exist_ok=True)
    async with await servers.time_skipping() as engine, told(engine, Meters()) as handle:
        await handle.result()
        keep(HISTORY, await handle.fetch_history())


if __name__ == "__main__":
    asyncio.run(record())
    sys.stdout.flush()
    os._exit(0)  # as `tests/__main__.py` does, and for its reason
