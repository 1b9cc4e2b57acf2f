"""A worker that only charges, as a process that can be killed at a point of the step.

`python -m tests.workflows.charger TEMPORAL DATABASE POINT`: it kills itself the first time that it
comes to the point (`before`, `within`, `after`; `never`), and is then told to go on without.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from activities.books import Books
from book.database import open_pool, transaction
from book.incident import incidents
from book.money import bills
from domain.steps import Bill, Billed
from workers.leave import leave
from workflows.runner import in_production

QUEUE = "charging"
POINTS = ("before", "within", "after")


@workflow.defn
class ChargeOnce:
    """The incident's step, with an attempt that is given up soon."""

    @workflow.run
    async def run(self, what: Bill) -> Billed:
        billed: Billed = await workflow.execute_activity(
            "record_charges",
            what,
            result_type=Billed,
            start_to_close_timeout=timedelta(seconds=2),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
        )
        return billed


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def work(temporal: str, database: str, point: str) -> None:
    client = await Client.connect(temporal)
    pool = await open_pool(database)
    books = Books(pool=pool)

    @activity.defn(name="record_charges")
    async def record_charges(what: Bill) -> Billed:
        if point == "before":
            die()
        if point == "within":
            async with transaction(pool) as connection:
                who = await incidents.parties(connection, what.incident)
                await bills.charge(connection, who, what.accepted)
                die()
        billed = await books.record_charges(what)
        if point == "after":
            die()
        return billed

    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[ChargeOnce],
        activities=[record_charges],
        workflow_runner=in_production(),
    )
    async with worker:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
    leave(0)
