"""The record that keeps itself: every attempt and every decision, on a real engine and chain."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiosmtplib
import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.notices import NoticeRefused
from activities.record import RecordAttempts
from book.incident import audit
from domain.chronicle import Chronicle
from domain.steps import Decision, Done, View
from tests.book.provider import INCIDENT, an_incident
from tests.workflows import servers
from workflows.record import CarryDecisions

pytestmark = pytest.mark.real

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@workflow.defn(name="Told")
class Told:
    """A story of the steps that it is given, with one decision before each."""

    def __init__(self) -> None:
        self._revision = 0
        self._decisions: tuple[Decision, ...] = ()

    @workflow.run
    async def run(self, steps: list[str]) -> list[str]:
        for step in steps:
            self._revision += 1
            decision = Decision(number=self._revision, at=NOW, what=f"do {step}", reasons=("so",))
            self._decisions = (*self._decisions, decision)
            try:
                await workflow.execute_activity(
                    step,
                    start_to_close_timeout=timedelta(seconds=30),
                    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1)),
                )
            except ActivityError:
                workflow.logger.info("refused")
        return steps

    def chronicle(self) -> Chronicle:
        view = View(
            revision=self._revision, stage="waiting", outcome=None, deadline=NOW, measure=None
        )
        return Chronicle(incident=INCIDENT, view=view, decisions=self._decisions)

    def carried(self, chronicle: Chronicle) -> None:
        pass

    def arrived(self, chronicle: Chronicle, *, recorded: bool) -> None:
        if recorded:
            self._decisions = ()


@dataclass
class Steps:
    """One step that works, and some that do not."""

    begun: list[str] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn
    async def works(self) -> Done:
        self.begun.append("works")
        return Done()

    @activity.defn
    async def works_at_last(self) -> Done:
        self.begun.append("works_at_last")
        if self.begun.count("works_at_last") < 3:
            raise aiosmtplib.SMTPDataError(451, "m\udcf1ana\0 " + "x" * 2_000)
        return Done()

    @activity.defn
    async def is_refused(self) -> Done:
        raise NoticeRefused("550 no") from aiosmtplib.SMTPDataError(550, "ma\udcf1ana")

    @activity.defn
    async def is_cut_off(self) -> Done:
        self.begun.append("is_cut_off")
        self.waiting.set()
        if self.begun.count("is_cut_off") == 1:
            await asyncio.Event().wait()
        return Done()


@pytest_asyncio.fixture(scope="module")
async def engine() -> AsyncIterator[Client]:
    async with await servers.real() as environment:
        yield environment.client


@asynccontextmanager
async def a_worker(client: Client, pool: Pool, steps: Steps, name: str) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue="record",
        workflows=[Told],
        activities=[steps.works, steps.works_at_last, steps.is_refused, steps.is_cut_off],
        interceptors=[CarryDecisions(), RecordAttempts(pool, name)],
        workflow_runner=UnsandboxedWorkflowRunner(),
        graceful_shutdown_timeout=timedelta(0),
    ):
        yield


async def started(client: Client, *steps: str) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "Told", [*steps], id=f"told-{'-'.join(steps)}", task_queue="record"
    )


async def told(client: Client, pool: Pool, *steps: str) -> None:
    async with a_worker(client, pool, Steps(), "worker-1"):
        await (await started(client, *steps)).result()


async def on_record(pool: Pool) -> list[dict[str, Any]]:
    """The chain's bodies after the one that opened it; the chain is whole."""
    async with pool.acquire() as connection:
        assert await audit.broken(connection, INCIDENT) is None
        return [json.loads(each.body) for each in await audit.chain(connection, INCIDENT)][1:]


def attempts(bodies: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [
        (each["step"], each["attempt"], each.get("outcome", each["phase"]))
        for each in bodies
        if each["kind"] == "attempt"
    ]


async def test_a_decision_is_on_record_before_the_step_that_it_led_to(
    engine: Client, database: Pool
) -> None:
    await an_incident(database)
    await told(engine, database, "works", "works")
    kinds = [(each["kind"], each.get("phase")) for each in await on_record(database)]
    step = [("decision", None), ("attempt", "started"), ("attempt", "ended")]
    assert kinds == step + step
    decision, start, end, *_ = await on_record(database)
    assert (decision["what"], decision["reasons"], decision["number"]) == ("do works", ["so"], 1)
    assert start["worker"] == end["worker"] == "worker-1"
    assert (end["outcome"], end["result"]) == ("done", {})


async def test_every_attempt_is_on_record_with_its_error(engine: Client, database: Pool) -> None:
    await an_incident(database)
    await told(engine, database, "works_at_last")
    bodies = await on_record(database)
    assert attempts(bodies) == [
        ("works_at_last", 1, "started"),
        ("works_at_last", 1, "failed"),
        ("works_at_last", 2, "started"),
        ("works_at_last", 2, "failed"),
        ("works_at_last", 3, "started"),
        ("works_at_last", 3, "done"),
    ]
    assert [each["kind"] for each in bodies].count("decision") == 1
    [first, second] = [each["error"] for each in bodies if "error" in each]
    assert first == second
    assert first.startswith("SMTPDataError: (451, 'm")
    assert len(first) == 500


async def test_a_refusal_for_good_is_one_attempt(engine: Client, database: Pool) -> None:
    await an_incident(database)
    await told(engine, database, "is_refused", "works")
    bodies = await on_record(database)
    assert attempts(bodies)[:2] == [("is_refused", 1, "started"), ("is_refused", 1, "failed")]
    # Nothing but the step itself says whether its decisions arrived: they are carried again.
    decisions = [each["number"] for each in bodies if each["kind"] == "decision"]
    assert decisions == [1, 2]


async def test_an_attempt_that_is_cut_off_says_so_and_the_next_worker_goes_on(
    engine: Client, database: Pool
) -> None:
    await an_incident(database)
    steps = Steps()
    async with a_worker(engine, database, steps, "worker-1"):
        story = await started(engine, "is_cut_off")
        await steps.waiting.wait()
    async with a_worker(engine, database, steps, "worker-2"):
        await story.result()
    bodies = await on_record(database)
    assert attempts(bodies) == [
        ("is_cut_off", 1, "started"),
        ("is_cut_off", 1, "cancelled"),
        ("is_cut_off", 2, "started"),
        ("is_cut_off", 2, "done"),
    ]
    assert [each["worker"] for each in bodies if each["kind"] == "attempt"] == [
        "worker-1", "worker-1", "worker-2", "worker-2",
    ]  # fmt: skip


async def test_how_it_looks_is_kept_with_each_step(engine: Client, database: Pool) -> None:
    await an_incident(database)
    await told(engine, database, "works", "works", "works")
    row = await database.fetchrow("SELECT view_revision, stage, deadline FROM incidents")
    assert row is not None
    assert tuple(row) == (3, "waiting", NOW)
