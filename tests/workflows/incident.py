"""One running incident: what happens to it, and how its time passes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionDescription, WorkflowHandle, WorkflowHistory
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.acts import (
    Acknowledge,
    Answer,
    CallOutcome,
    Close,
    Escalate,
    FalsePositive,
    Fixed,
    MoveDeadline,
    Release,
    Waive,
)
from domain.incident import Act, Outcome, Stage
from domain.ladder import Term
from domain.money.costs import ChargeKind
from domain.steps import View
from tests.workflows.world import KeepChronicles, World, until
from workflows.incident import IncidentWorkflow
from workflows.memory import CLIENT, SERVICE
from workflows.record import CarryDecisions
from workflows.runner import in_tests
from workflows.state import Case, Closed

DESK = "desk:ana"
_STEP = "EVENT_TYPE_ACTIVITY_TASK"
_TASK = "EVENT_TYPE_WORKFLOW_TASK"

Start = Callable[[World], Awaitable["Incident"]]
"""The fixture `incident`."""


@dataclass(kw_only=True)
class Incident:
    """A workflow and its world. Time stands still except in `passes` and `closes`."""

    engine: WorkflowEnvironment
    world: World
    handle: WorkflowHandle[IncidentWorkflow, Closed]
    first_run: str

    # --- time ----------------------------------------------------------------------------------

    async def passes(self, **span: float) -> None:
        """Let so much time pass: `hours=4`."""
        if not self.world.down:
            await self.rests()
        await self.engine.sleep(timedelta(**span))

    async def closes(self) -> Closed:
        """Let time pass until it is closed."""
        return await self.handle.result()

    async def now(self) -> datetime:
        return await self.engine.get_current_time()

    async def comes_to(self, *stages: Stage) -> None:
        """Wait, without any time passing, until a step says that it has come to a stage."""
        await until(lambda: bool(self.world.views) and self.world.views[-1].stage in stages)

    async def rests(self) -> None:
        """Wait until it waits: no step under way, no workflow task.

        Its test server never skips time again after a query that came in the middle of a task.
        """
        async with asyncio.timeout(20):
            while True:
                kinds = Counter(EventType.Name(each.event_type) for each in await self.events())
                ended = sum(kinds[f"{_STEP}_{how}"] for how in ("COMPLETED", "FAILED", "CANCELED"))
                ended += kinds[f"{_STEP}_TIMED_OUT"]
                tasks = sum(kinds[f"{_TASK}_{how}"] for how in ("COMPLETED", "FAILED", "TIMED_OUT"))
                if kinds[f"{_STEP}_SCHEDULED"] == ended and kinds[f"{_TASK}_SCHEDULED"] == tasks:
                    return
                await asyncio.sleep(0.005)

    async def view(self) -> View:
        await self.rests()
        return await self.handle.query(IncidentWorkflow.view)

    async def stage(self) -> str:
        return (await self.view()).stage

    async def newest(self) -> WorkflowExecutionDescription:
        """Its newest run, as Temporal's UI and lists have it."""
        return await self.engine.client.get_workflow_handle(self.handle.id).describe()

    async def history(self, run: str | None = None) -> WorkflowHistory:
        """Of one run; of the newest where none is named."""
        return await self.engine.client.get_workflow_handle(
            self.handle.id, run_id=run
        ).fetch_history()

    async def events(self) -> list[Any]:
        return list((await self.history()).events)

    async def happened(self, name: str) -> int:
        """How many events of a type its history has: `UPDATE_ACCEPTED`."""
        wanted = EventType.Value(f"EVENT_TYPE_{name}")
        return sum(1 for event in await self.events() if event.event_type == wanted)

    async def fails_a_task(self) -> None:
        """Wait until the code has raised what is no failure of the workflow."""
        async with asyncio.timeout(20):
            while not await self.happened("WORKFLOW_TASK_FAILED"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def backs_off(self, step: str) -> None:
        """Wait until an attempt of a step that is down has failed, and the next is not due.

        A workflow that ends in the middle of an attempt keeps its test server's time from passing
        ever after, and that server does not tell whether one is under way. After the second the
        next is two seconds away.
        """
        await until(lambda: self.world.tried.count(step) == 2)
        await asyncio.sleep(0.5)

    # --- acts ----------------------------------------------------------------------------------

    async def act(self, which: Act, what: Any) -> Answer:
        answer: Answer = await self.handle.execute_update(which, what, result_type=Answer)
        return answer

    async def fixed(self, *accepts: Term, **more: Any) -> Answer:
        return await self.act(Act.FIXED, Fixed(by="client", accepts=accepts, **more))

    async def acknowledge(self) -> Answer:
        return await self.act(Act.ACKNOWLEDGE, Acknowledge(by="client"))

    async def extend(self, *, hours: float, reason: str = "holiday") -> Answer:
        what = MoveDeadline(by=DESK, seconds=int(hours * 3_600), reason=reason)
        return await self.act(Act.EXTEND, what)

    async def shorten(self, *, hours: float) -> Answer:
        what = MoveDeadline(by=DESK, seconds=int(hours * 3_600), reason="grave")
        return await self.act(Act.SHORTEN, what)

    async def escalate(self, reason: str = "phishing") -> Answer:
        return await self.act(Act.ESCALATE, Escalate(by=DESK, reason=reason))

    async def release(self, **more: Any) -> Answer:
        return await self.act(Act.RELEASE, Release(by=DESK, reason="seen it myself", **more))

    async def waive(self) -> Answer:
        what = Waive(by=DESK, charge=ChargeKind.DELISTING, reason="goodwill")
        return await self.act(Act.WAIVE, what)

    async def call_outcome(self, *, reached: bool) -> Answer:
        what = CallOutcome(by=DESK, outcome="will look tonight", reached=reached)
        return await self.act(Act.CALL_OUTCOME, what)

    async def false_positive(self) -> Answer:
        what = FalsePositive(by=DESK, reason="a newsletter they had asked for")
        return await self.act(Act.FALSE_POSITIVE, what)

    async def close(self, outcome: Outcome) -> Answer:
        return await self.act(Act.CLOSE, Close(by=DESK, outcome=outcome, reason="contract ended"))


@asynccontextmanager
async def told(
    engine: WorkflowEnvironment, world: World, name: str, *, cached: int = 100
) -> AsyncIterator[Incident]:
    """Start an incident as the dispatcher does, with a worker like the real one."""
    async with Worker(
        engine.client,
        task_queue=name,
        workflows=[IncidentWorkflow],
        activities=world.activities,
        workflow_runner=in_tests(),
        interceptors=[CarryDecisions(), KeepChronicles(world)],
        max_cached_workflows=cached,
    ):
        # Known before it starts: its first steps send news at once.
        world.handle = engine.client.get_workflow_handle_for(IncidentWorkflow.run, name)
        handle = await begin(engine, world, name)
        incident = Incident(
            engine=engine,
            world=world,
            handle=handle,
            # Not the run that the handle names: the time-skipping server gives it another.
            first_run=(await handle.describe()).run_id,
        )
        try:
            yield incident
        finally:
            # One that ends in the middle of a step would keep the server's time from passing.
            with suppress(RPCError):  # most have ended by themselves
                if world.down:
                    world.down.clear()
                    await engine.sleep(timedelta(minutes=16))
                await incident.rests()
                await incident.handle.terminate()


async def begin(
    engine: WorkflowEnvironment, world: World, name: str
) -> WorkflowHandle[IncidentWorkflow, Closed]:
    """One call that starts the incident, or tells it the news where it runs already."""
    return await engine.client.start_workflow(
        IncidentWorkflow.run,
        Case(incident=name, service="vps-1", client="client-1"),
        id=name,
        task_queue=name,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        start_signal="news",
        start_signal_args=[world.news],
        static_summary="Outbound spam from vps-1 of client-1",
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(CLIENT, "client-1"), SearchAttributePair(SERVICE, "vps-1")]
        ),
    )
