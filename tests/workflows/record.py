"""`python -m tests.workflows.record [PATH…]`: records the histories that `test_replay.py` replays.

For a new path, or when a story was changed under a patch. A history that no longer replays is not
recorded anew before every incident that runs by the old story has ended: it is what they run by.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
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
    paths.contested,
    paths.removal,
    paths.widened,
)
"""Told on the server whose time can be skipped."""

LIVED: tuple[TellsIt, ...] = (paths.everything, paths.turned_over)
"""Told on the real one. The last is two runs, so it has two files."""

NAMES = (
    *(path.__name__ for path in (*SKIPPED, *LIVED[:1])),
    "turned_over.1",
    "turned_over.2",
)  # fmt: skip


async def record(names: Sequence[str]) -> None:
    """Tell paths once, and keep each run of it: those named, or those that have no file yet."""
    HISTORIES.mkdir(exist_ok=True)
    known = {file.name.partition(".")[0] for file in HISTORIES.glob("*.json")}

    def wanted(path: TellsIt) -> bool:
        return path.__name__ in names if names else path.__name__ not in known

    async with await servers.time_skipping() as engine:
        for path in filter(wanted, SKIPPED):
            await _keep(engine, path)
    for path, turn_over_after in zip(LIVED, (None, 60), strict=True):
        if wanted(path):
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
    asyncio.run(record(sys.argv[1:]))
    sys.stdout.flush()
    os._exit(0)  # as `tests/__main__.py` does, and for its reason
