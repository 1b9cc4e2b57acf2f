"""`python -m benchmarks.signallers PLAN FILE`: one signal-with-start per report, as a process.

What taking reports would be with nothing but the engine: each report is a signal to its incident's
workflow, which starts it if need be, and is acknowledged once Temporal has answered. Speaks like
`benchmarks/reporters.py`: "ready", a line to begin, and what it saw into FILE.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

import uvloop
from temporalio.client import Client

from benchmarks.bare import Hearing
from benchmarks.bare_worker import QUEUE
from benchmarks.reporters import Seen


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Signals `first` to `first + count`, in turn to `workflows` workflows of the name `name`."""

    address: str
    name: str
    first: int
    count: int
    at_once: int
    workflows: int


async def _signal_all(plan: Plan) -> Seen:
    client = await Client.connect(plan.address)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    waits: list[float] = []
    left = iter(range(plan.first, plan.first + plan.count))

    async def hand() -> None:
        for number in left:
            posted = time.monotonic()
            await client.start_workflow(
                Hearing.run,
                sys.maxsize,
                id=f"{plan.name}-{number % plan.workflows}",
                task_queue=QUEUE,
                start_signal="hear",
            )
            waits.append(time.monotonic() - posted)

    began, used = time.monotonic(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(plan.at_once):
            group.create_task(hand())
    return Seen(
        began=began, ended=time.monotonic(), waits=waits, refused=[],
        processor=time.process_time() - used,
    )  # fmt: skip


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))
    uvloop.run(_signal_all(plan)).write(sys.argv[2])


if __name__ == "__main__":
    main()
