"""`python -m tests.workflows.record`: records the histories that `test_replay.py` replays.

For a new path, or when a story was changed under a patch. A history that no longer replays is not
recorded anew before every incident that runs by the old story has ended: it is what they run by.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from tests.workflows import paths, servers
from tests.workflows.incident import Incident, Start, told
from tests.workflows.world import World

HISTORIES = Path(__file__).parent / "histories"

TellsIt = Callable[[Start], Awaitable[Incident]]

SKIPPED: tuple[TellsIt, ...] = (
    paths.fixed_in_time,
    paths.silence,
    paths.relapse,
    paths.false_positive,
    paths.cancelled,
    paths.untold,
)
"""Told on the server whose time can be skipped."""

LIVED: tuple[TellsIt, ...] = (paths.everything, paths.turned_over)
"""Told on the real one. The last is two runs, so it has two files."""

NAMES = (
    *(path.__name__ for path in (*SKIPPED, *LIVED[:1])),
    "turned_over.1",
    "turned_over.2",
)  # fmt: skip


async def record() -> None:
    """Tell every path once, and keep each run of it."""
    HISTORIES.mkdir(exist_ok=True)
    async with await servers.time_skipping() as engine:
        for path in SKIPPED:
            await _keep(engine, path)
    for path, turn_over_after in zip(LIVED, (None, 60), strict=True):
        async with await servers.real(turn_over_after=turn_over_after) as engine:
            await _keep(engine, path)


async def _keep(engine: WorkflowEnvironment, path: TellsIt) -> None:
    async with AsyncExitStack() as stack:

        async def start(world: World) -> Incident:
            name = f"incident-{path.__name__.replace('_', '-')}-1"
            return await stack.enter_async_context(told(engine, world, name))

        story = await path(start)
        first = story.first_run
        last = (await story.newest()).run_id
        names = [path.__name__] if first == last else [f"{path.__name__}.{n}" for n in (1, 2)]
        for name, run in zip(names, dict.fromkeys((first, last)), strict=True):
            keep(HISTORIES / f"{name}.json", await story.history(run))


def keep(file: Path, history: WorkflowHistory) -> None:
    file.write_text(history.to_json() + "\n")
    print(f"{file.stem}: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(record())
    sys.stdout.flush()
    os._exit(0)  # as `tests/__main__.py` does, and for its reason
