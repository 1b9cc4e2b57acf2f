"""Ended by a person from anywhere, cancelled, or refused; nothing is left in force by accident."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.incident import Act, Outcome, Stage, acts_at
from domain.letters.notices import Notice
from tests.workflows import stages
from tests.workflows.incident import Incident, Start
from tests.workflows.world import HOLD, Gate, World, a_world

pytestmark = pytest.mark.real

ARRANGED: dict[Stage, Callable[[Start], Awaitable[Incident]]] = {
    Stage.WAITING: stages.waiting,
    Stage.RESTRICTED: stages.restricted,
    Stage.VERIFYING: stages.verifying,
    Stage.DELISTING: stages.delisting,
    Stage.PROBATION: stages.probation,
}


async def ends_set_right(world: World, story: Incident, outcome: Outcome) -> None:
    closed = await story.closes()
    assert closed.outcome is outcome
    assert world.in_force == set()
    letter = Notice.APOLOGY if outcome is Outcome.FALSE_POSITIVE else Notice.ENDED
    assert world.steps[-3:] == ["set_right", "close_incident", "send_notice"]
    assert world.letters[-1] is letter
    assert world.of("close_incident")[-1].outcome is outcome


@pytest.mark.parametrize("stage", ARRANGED)
async def test_a_false_positive_sets_all_right_from_any_stage(
    incident: Start, stage: Stage
) -> None:
    story = await ARRANGED[stage](incident)
    await story.false_positive()
    await ends_set_right(story.world, story, Outcome.FALSE_POSITIVE)


@pytest.mark.parametrize("step", ["assess", "impose_measure", "send_notice", "ask_person"])
async def test_a_false_positive_in_the_middle_of_a_step(incident: Start, step: str) -> None:
    story, gate = await stages.held_up(incident, step)
    await story.false_positive()
    gate.open()
    await ends_set_right(story.world, story, Outcome.FALSE_POSITIVE)
    assert story.world.tried.count(step) <= 2


@pytest.mark.parametrize("step", ["impose_measure", "lift_measures", "record_charges"])
async def test_no_attempt_under_way_is_overtaken_by_setting_right(
    incident: Start, step: str
) -> None:
    """Else it could put a measure in force, or a charge on the ledger, after the end."""
    gate = Gate()
    story = await stages.waiting(incident)
    story.world.during[step] = gate
    if step == "impose_measure":
        await story.escalate()
        passing = asyncio.create_task(asyncio.sleep(0))
    else:
        await story.fixed()
        passing = asyncio.create_task(story.passes(minutes=16))
    await gate.reached.wait()
    await story.false_positive()
    await asyncio.sleep(0.1)
    assert "set_right" not in story.world.tried
    gate.open()
    await passing
    await ends_set_right(story.world, story, Outcome.FALSE_POSITIVE)


async def test_a_false_positive_during_a_step_that_is_retried_for_ever(incident: Start) -> None:
    world = a_world(down={"assess"})
    story = await incident(world)
    await story.backs_off("assess")
    await story.false_positive()
    await ends_set_right(world, story, Outcome.FALSE_POSITIVE)
    assert "assess" not in world.steps


async def test_a_false_positive_during_an_update_that_is_under_way(incident: Start) -> None:
    story = await stages.waiting(incident)
    story.world.down.add("reckon_deadline")
    extension = asyncio.create_task(story.extend(hours=1))
    await story.backs_off("reckon_deadline")
    await story.false_positive()
    with pytest.raises(WorkflowUpdateFailedError) as ended:
        await extension
    assert "ended by a person meanwhile" in str(ended.value.cause)
    await ends_set_right(story.world, story, Outcome.FALSE_POSITIVE)


async def test_a_withdrawal_lifts_everything(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.close(Outcome.WITHDRAWN)
    await ends_set_right(story.world, story, Outcome.WITHDRAWN)


async def test_a_termination_leaves_the_measure_until_the_service_is_gone(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.close(Outcome.TERMINATED)
    closed = await story.closes()
    assert closed.outcome is Outcome.TERMINATED
    assert story.world.in_force == {HOLD}
    assert "set_right" not in story.world.steps
    assert story.world.letters[-1] is Notice.ENDED


@pytest.mark.parametrize("stage", [Stage.WAITING, Stage.RESTRICTED, Stage.DELISTING])
async def test_cancelling_through_temporal_is_a_withdrawal(incident: Start, stage: Stage) -> None:
    story = await ARRANGED[stage](incident)
    await story.handle.cancel()
    await ends_set_right(story.world, story, Outcome.WITHDRAWN)
    [withdrawn] = story.world.decided("withdrawn")
    assert withdrawn.by == "temporal"


async def test_cancelling_in_the_middle_of_a_step_lets_its_attempt_end(incident: Start) -> None:
    story, gate = await stages.held_up(incident, "impose_measure")
    await story.handle.cancel()
    await asyncio.sleep(0.1)
    assert "set_right" not in story.world.tried
    gate.open()
    await ends_set_right(story.world, story, Outcome.WITHDRAWN)


async def test_cancelling_what_is_being_set_right_changes_nothing(incident: Start) -> None:
    gate = Gate()
    story = await stages.restricted(incident)
    story.world.during["set_right"] = gate
    await story.false_positive()
    await gate.reached.wait()
    await story.handle.cancel()
    gate.open()
    await ends_set_right(story.world, story, Outcome.FALSE_POSITIVE)


async def test_the_last_letter_may_be_impossible_to_send(incident: Start) -> None:
    story = await stages.probation(incident)
    story.world.impossible.add("send_notice")
    closed = await story.closes()
    assert closed.outcome is Outcome.REMEDIATED
    assert story.world.steps[-1] == "ask_person"
    assert story.world.decisions[-1].what == "send_notice is not possible"


# --- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "act"),
    [
        (Stage.WAITING, Incident.release),
        (Stage.RESTRICTED, lambda story: story.extend(hours=1)),
        (Stage.VERIFYING, Incident.escalate),
        (Stage.DELISTING, Incident.fixed),
        (Stage.PROBATION, lambda story: story.shorten(hours=1)),
    ],
)
async def test_a_refused_act_names_the_stage_and_what_is_allowed(
    incident: Start, stage: Stage, act: Callable[[Incident], Awaitable[object]]
) -> None:
    story = await ARRANGED[stage](incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await act(story)
    words = str(refused.value.cause)
    assert f'refused at stage "{stage}"' in words
    assert f"allowed now: {', '.join(acts_at(stage))}" in words


async def test_an_act_without_a_reason_is_refused(incident: Start) -> None:
    story = await stages.waiting(incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.escalate(reason="  ")
    assert "reason is missing" in str(refused.value.cause)


async def test_moving_the_deadline_by_nothing_is_refused(incident: Start) -> None:
    story = await stages.waiting(incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.extend(hours=0)
    assert "the hours must be more than none" in str(refused.value.cause)


async def test_a_person_cannot_close_it_as_remediated(incident: Start) -> None:
    story = await stages.waiting(incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.close(Outcome.REMEDIATED)
    assert "withdrawn or terminated" in str(refused.value.cause)


async def test_what_is_being_closed_admits_no_act(incident: Start) -> None:
    gate = Gate()
    story = await stages.waiting(incident)
    story.world.during["set_right"] = gate
    await story.false_positive()
    await gate.reached.wait()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.close(Outcome.TERMINATED)
    assert "it is being closed" in str(refused.value.cause)
    gate.open()
    await ends_set_right(story.world, story, Outcome.FALSE_POSITIVE)


async def test_a_waiver_is_carried_out_and_on_record(incident: Start) -> None:
    story = await stages.restricted(incident)
    answer = await story.waive()
    assert answer.said == "The delisting charge is waived."
    [waiver] = story.world.of("waive_charge")
    assert (waiver.by, waiver.reason) == ("desk:ana", "goodwill")


# --- what must not end it ----------------------------------------------------------------------


async def test_a_step_refused_for_good_fails_only_the_act_that_asked_for_it(
    incident: Start,
) -> None:
    story = await stages.waiting(incident, a_world(impossible={"waive_charge"}))
    with pytest.raises(WorkflowUpdateFailedError):
        await story.waive()
    assert await story.stage() == Stage.WAITING


def test_every_act_has_an_update() -> None:
    from workflows.incident import IncidentWorkflow

    assert all(callable(getattr(IncidentWorkflow, act)) for act in Act)
