"""A listing watch in a world of scripted slices; as a program, it records what is replayed.

`python -m tests.workflows.watch`: only for a new path, or when the story changed under a patch.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.blocklists.watching import (
    EndWatch,
    FeedsRead,
    PlanWatch,
    ReadFeeds,
    SliceWatched,
    Tally,
    Watch,
    Watched,
    WatchPlan,
    WatchSlice,
)
from domain.steps import Done
from tests.workflows import servers
from tests.workflows.record import keep
from workflows.runner import in_tests
from workflows.watch import ListingWatch

HISTORIES = Path(__file__).parent / "histories" / "watch"
NAMES = ("late", "turned_over.1", "turned_over.2")
WINDOW = 3_600

_numbers = itertools.count(1)


@dataclass(kw_only=True)
class Slices:
    """So many slices of ten addresses each, named by their number, and what was asked."""

    count: int = 3
    asked: list[Any] = field(default_factory=list)
    feeds_read_after: list[int] = field(default_factory=list)
    """How many other steps had been asked for when the feeds were read."""
    broken: bool = False
    """The second slice breaks off half-way, once."""

    @activity.defn(name="read_feeds")
    async def read_feeds(self, what: ReadFeeds) -> FeedsRead:
        self.feeds_read_after.append(len(self.asked))
        return FeedsRead(found=1)

    @activity.defn(name="plan_watch")
    async def plan_watch(self, what: PlanWatch) -> WatchPlan:
        return WatchPlan(addresses=10 * self.count, turns={"bl.example": 2}, number=7)

    @activity.defn(name="watch_slice")
    async def watch_slice(self, what: WatchSlice) -> SliceWatched:
        self.asked.append((what, tuple(activity.info().heartbeat_details)))
        number = 1 if what.after is None else int(what.after) + 1
        if number == 2 and self.broken:
            self.broken = False
            activity.heartbeat("half-way")
            raise ConnectionError("the book is away")
        last = None if number == self.count else str(number)
        return SliceWatched(after=last, tally=Tally(addresses=10, questions=300, found=1))

    @activity.defn(name="end_watch")
    async def end_watch(self, what: EndWatch) -> Done:
        self.asked.append(what)
        return Done()

    @property
    def slices(self) -> list[WatchSlice]:
        return [each[0] for each in self.asked if isinstance(each, tuple)]

    @property
    def ends(self) -> list[EndWatch]:
        return [each for each in self.asked if isinstance(each, EndWatch)]

    @property
    def activities(self) -> list[Callable[..., Any]]:
        return [self.read_feeds, self.plan_watch, self.watch_slice, self.end_watch]


def a_late_watch() -> Watch:
    """A pass that began two windows ago, and has one slice behind it."""
    return Watch(
        window_seconds=WINDOW,
        started_at=datetime.now(UTC) - timedelta(seconds=2 * WINDOW),
        plan=WatchPlan(addresses=30, turns={"bl.example": 2}),
        after="1",
        tally=Tally(addresses=10, questions=300),
    )


@asynccontextmanager
async def told(
    engine: WorkflowEnvironment, world: Slices, watch: Watch | None = None
) -> AsyncIterator[WorkflowHandle[ListingWatch, Watched]]:
    """A pass in this world, with a worker of its own."""
    queue = f"watch-{next(_numbers)}"
    async with Worker(
        engine.client, task_queue=queue, workflows=[ListingWatch], activities=world.activities,
        workflow_runner=in_tests(),
    ):  # fmt: skip
        yield await engine.client.start_workflow(
            ListingWatch.run, watch or Watch(window_seconds=WINDOW), id=queue, task_queue=queue
        )


async def record() -> None:
    """Tell both paths once, and keep each run."""
    HISTORIES.mkdir(exist_ok=True)
    async with (
        await servers.time_skipping() as engine,
        told(engine, Slices(), a_late_watch()) as handle,
    ):
        await handle.result()
        keep(HISTORIES / "late.json", await handle.fetch_history())
    async with (
        await servers.real(turn_over_after=20) as engine,
        told(engine, Slices(count=4)) as handle,
    ):
        await handle.result()
        last = (await engine.client.get_workflow_handle(handle.id).describe()).run_id
        for name, run in (("1", handle.first_execution_run_id), ("2", last)):
            one = engine.client.get_workflow_handle(handle.id, run_id=run)
            keep(HISTORIES / f"turned_over.{name}.json", await one.fetch_history())


if __name__ == "__main__":
    asyncio.run(record())
    sys.stdout.flush()
    os._exit(0)  # as `tests/__main__.py` does, and for its reason
