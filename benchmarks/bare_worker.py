"""`python -m benchmarks.bare_worker ADDRESS`: the worker of `bare.py`, as a process."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psutil
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.bare import Bare, Hearing, nothing
from benchmarks.place import end, program
from workers.leave import leave, until_told
from workflows.runner import in_production

QUEUE = "bare"


@asynccontextmanager
async def working(log: Path, address: str) -> AsyncIterator[psutil.Process]:
    """The process while the block lasts."""
    process = await program(log, "-m", "benchmarks.bare_worker", address, env={})
    try:
        yield psutil.Process(process.pid)
    finally:
        await end(process)


async def _work(address: str, stopping: asyncio.Event) -> None:
    # The event loop, the runner and the limits are those of `workers/incident_worker.py`.
    async with Worker(
        await Client.connect(address),
        task_queue=QUEUE,
        workflows=[Bare, Hearing],
        activities=[nothing],
        workflow_runner=in_production(),
    ):
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(until_told(partial(_work, sys.argv[1])))
    leave(0)
