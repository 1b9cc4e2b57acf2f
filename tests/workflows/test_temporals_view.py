"""What Temporal itself shows and keeps of an incident, on the server that we ship."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.converter import default as converter
from temporalio.service import RPCError

from domain.incident import Outcome, Stage
from tests.workflows import paths, servers, stages
from tests.workflows.incident import Incident, Start, told
from tests.workflows.world import HOLD, a_world, until
from workflows.memory import CLIENT, DEADLINE, OUTCOME, SERVICE, STAGE

pytestmark = pytest.mark.real

MOST_STEPS, MOST_EVENTS, MOST_BYTES = 30, 250, 64 * 1024


async def test_a_whole_incident_keeps_a_small_history(real_incident: Start) -> None:
    story = await paths.everything(real_incident)
    events = await story.events()
    steps = await story.happened("ACTIVITY_TASK_SCHEDULED")
    size = sum(event.ByteSize() for event in events)
    print(f"whole incident: {steps} steps, {len(events)} events, {size} bytes")
    assert steps <= MOST_STEPS
    assert len(events) <= MOST_EVENTS
    assert size <= MOST_BYTES


async def test_every_step_and_every_timer_says_what_it_is_for(real_incident: Start) -> None:
    story = await paths.everything(real_incident)
    payloads = converter().payload_converter
    said = [
        payloads.from_payload(event.user_metadata.summary, str)
        if event.user_metadata.HasField("summary")
        else None
        for event in await story.events()
        if event.HasField("activity_task_scheduled_event_attributes")
        or event.HasField("timer_started_event_attributes")
    ]
    assert None not in said
    assert f"impose {HOLD}" in said
    assert "tell the client: restricted" in said
    assert any(each.startswith("the client has until 20") for each in said if each)
    assert "probation: no new reports or listings" in said


async def test_an_incident_is_found_by_client_service_stage_and_deadline(
    real_incident: Start,
) -> None:
    story = await stages.waiting(real_incident)
    found = (await story.newest()).typed_search_attributes
    assert (found[CLIENT], found[SERVICE], found[STAGE]) == ("client-1", "vps-1", "waiting")
    deadline = (await story.view()).deadline
    assert deadline is not None
    assert abs(found[DEADLINE] - deadline) < timedelta(milliseconds=1)
    await story.false_positive()
    await story.closes()
    found = (await story.newest()).typed_search_attributes
    assert (found[STAGE], found[OUTCOME]) == ("closed", "false_positive")


async def test_its_current_details_say_how_it_stands(real_incident: Start) -> None:
    story = await stages.waiting(real_incident)
    await story.world.tell(reports=7, volume=420)
    await story.rests()
    metadata = await story.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    details = metadata.current_details
    assert "**Stage** waiting" in details
    assert "**Measure** rate_limit on server mail.client.example" in details
    assert "**Reports** 7, 420 messages" in details
    assert "- first incident of this client within 12 months" in details
    assert {update.name for update in metadata.definition.update_definitions} >= {"fixed", "extend"}
    assert await (await story.newest()).static_summary() == "Outbound spam from vps-1 of client-1"


async def test_a_refused_act_leaves_no_event(real_incident: Start) -> None:
    story = await stages.waiting(real_incident)
    await story.rests()
    before = len(await story.events())
    with pytest.raises(WorkflowUpdateFailedError):
        await story.release()
    assert len(await story.events()) == before


async def test_a_step_refused_for_good_waits_to_be_mended_and_reset(real_incident: Start) -> None:
    world = a_world(impossible={"assess"})
    story = await real_incident(world)
    await story.fails_a_task()
    running = await story.newest()
    assert running.status is WorkflowExecutionStatus.RUNNING
    events = await story.events()
    failed = next(e for e in events if e.HasField("workflow_task_failed_event_attributes"))
    words = failed.workflow_task_failed_event_attributes.failure.message
    assert "assess was refused for good: refused for good; mend it, then reset" in words
    world.impossible.clear()
    started = next(e for e in events if e.HasField("workflow_task_completed_event_attributes"))
    await story.engine.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(
                workflow_id=story.handle.id, run_id=running.run_id or ""
            ),
            reason="the contract is there now",
            workflow_task_finish_event_id=started.event_id,
            request_id="mended",
        )
    )
    await story.comes_to(Stage.WAITING)


# --- continue as new ---------------------------------------------------------------------------


async def acknowledged(story: Incident) -> None:
    """As the gateway does it: the server gives up an act that meets the turn of the run."""
    for _ in range(3):
        try:
            await story.acknowledge()
        except RPCError:
            continue
        return
    raise AssertionError("an act was given up three times")


async def test_a_long_wait_goes_on_in_a_new_run_with_all_that_it_knew() -> None:
    async with await servers.real(turn_over_after=60) as engine:
        world = paths.a_quick_world()
        world.deadline = timedelta(hours=4)
        async with told(engine, world, "incident-vps-1-1") as story:
            await story.comes_to(Stage.WAITING)
            before = await story.view()
            first = story.first_run
            acts = []
            while (await story.newest()).run_id == first:
                await world.tell(reports=world.news.reports + 1)
                acts.append(asyncio.create_task(acknowledged(story)))
                # A run cannot end while signals keep coming in; the dispatcher's have an interval.
                await asyncio.sleep(0.01 * len(acts))
            answers = await asyncio.gather(*acts, return_exceptions=True)
            await story.rests()
            again = await story.newest()
            found = again.typed_search_attributes
            assert (found[CLIENT], found[SERVICE]) == ("client-1", "vps-1")
            after = await story.view()
            assert (after.stage, after.deadline, after.measure) == (
                before.stage, before.deadline, before.measure,
            )  # fmt: skip
            assert after.acknowledged
            assert [a for a in answers if isinstance(a, BaseException)] == []
            numbers = [decision.number for decision in world.decisions]
            assert numbers == list(range(1, len(numbers) + 1))
            assert world.letters.count(world.letters[0]) == 1


async def test_a_measure_that_the_first_run_took_is_lifted_by_the_second() -> None:
    async with await servers.real(turn_over_after=60) as engine:
        world = a_world()
        async with told(engine, world, "incident-vps-1-1") as story:
            await story.comes_to(Stage.WAITING)
            await story.escalate()
            await until(lambda: world.in_force == {HOLD})
            first = story.first_run
            while (await story.newest()).run_id == first:
                await world.tell(reports=world.news.reports + 1)
            await story.close(Outcome.WITHDRAWN)
            await story.closes()
            assert world.in_force == set()
