"""What falls due by the calendar, and charging through workers that are killed: real ledger."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asyncpg import Pool
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.books import Books
from activities.charging import Charging as Steps
from domain.ladder import Term
from domain.letters.notices import Notice
from domain.money.charging import ChargePass, PassCharged
from domain.steps import Bill, Billed, NoticeSent, SendNotice
from tests.book.ledgers import an_incident_priced, balance, billed, on_ledger
from tests.book.provider import closed, is_listed
from tests.domain.builders import euros
from tests.workflows.charger import POINTS, QUEUE, ChargeOnce
from workflows.charging import Charging
from workflows.runner import in_tests

pytestmark = pytest.mark.real


class Letters:
    """A mail server for notices; `refuses` has it take none."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked: list[SendNotice] = []
        self.refuses = refuses

    @activity.defn(name="send_notice")
    async def send_notice(self, what: SendNotice) -> NoticeSent:
        self.asked.append(what)
        if self.refuses:
            raise ApplicationError("no such address", non_retryable=True)
        return NoticeSent(message_id="<x@provider.example>", recipients=1)


async def passes(engine: WorkflowEnvironment, pool: Pool, letters: Letters) -> PassCharged:
    """One pass, by a worker of its own on the real ledger."""
    steps, books, name = Steps(pool=pool), Books(pool=pool), uuid4().hex
    async with Worker(
        engine.client,
        task_queue=name,
        workflows=[Charging],
        activities=[
            steps.look_at_caps,
            steps.charge_months,
            books.ask_person,
            letters.send_notice,
        ],
        workflow_runner=in_tests(),
    ):
        charged: PassCharged = await engine.client.execute_workflow(
            Charging.run, ChargePass(), id=name, task_queue=name
        )
    return charged


async def test_a_pass_charges_the_months_that_have_begun_once(
    engine: WorkflowEnvironment, database: Pool
) -> None:
    who = await an_incident_priced(database)
    await billed(database, who, Term.DEDICATED_ADDRESS)
    await closed(database, who.incident)
    span = timedelta(days=70)
    await database.execute("UPDATE dedicated_addresses SET since = since - $1::interval", span)
    assert await passes(engine, database, Letters()) == PassCharged(told=0, months=2)
    assert await passes(engine, database, Letters()) == PassCharged(told=0, months=0)
    assert await balance(database, who.incident) == "12.00"


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_pass_tells_of_a_cap_that_comes_near_once(
    engine: WorkflowEnvironment, database: Pool, refuses: bool
) -> None:
    who = await an_incident_priced(database, cap_incident=euros("30.00"))
    await is_listed(database, who.incident)
    letters = Letters(refuses=refuses)
    assert await passes(engine, database, letters) == PassCharged(told=1, months=0)
    assert await passes(engine, database, letters) == PassCharged(told=0, months=0)
    assert [each.notice for each in letters.asked] == [Notice.NEAR_CAP]
    kinds = await database.fetch("SELECT kind FROM tasks")
    assert [row["kind"] for row in kinds] == ["near_cap"]
    assert await on_ledger(database) == []


# --- killed ---------------------------------------------------------------------------------------


@asynccontextmanager
async def a_worker(target: str, dsn: str, point: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.workflows.charger", target, dsn, point,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_is_killed_around_a_charge_doubles_and_loses_nothing(
    real_engine: WorkflowEnvironment, database: Pool, dsn: str, point: str
) -> None:
    who = await an_incident_priced(database)
    await is_listed(database, who.incident)
    target = real_engine.client.service_client.config.target_host
    handle: Any = await real_engine.client.start_workflow(
        ChargeOnce.run, Bill(incident=who.incident), id=f"{point}-{uuid4().hex}", task_queue=QUEUE
    )
    async with a_worker(target, dsn, point) as process:
        assert await process.wait() == -9
    assert len(await on_ledger(database)) == (1 if point == "after" else 0)
    async with a_worker(target, dsn, "never"):
        done: Billed = await handle.result()
    assert done.charges == ("delisting: 25.00 EUR (due): the first delisting",)
    assert await on_ledger(database) == [("delisting", "25.00", "due")]
