"""Under a restriction: chasing an answer, the ladder's conditions, and what is not fixed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.incident import Stage
from domain.ladder import Condition, Rung, Term
from domain.letters.notices import Notice
from domain.steps import TaskKind
from tests.workflows import stages
from tests.workflows.incident import Start
from tests.workflows.world import HOLD, LIMIT, a_plan, a_world, until

pytestmark = pytest.mark.real

SECOND = (Condition.CAUSE_FIXED, Condition.DELISTING_FEE, Condition.AUTHENTICATED_SMTP_ONLY)
THIRD = (*SECOND, Condition.DEDICATED_ADDRESS_OR_HOURLY_LIMIT)
ACCEPTED = (Term.DELISTING_FEE, Term.AUTHENTICATED_SMTP_ONLY)


# --- no answer ---------------------------------------------------------------------------------


async def test_silence_is_chased_then_a_person_decides_on_the_service(incident: Start) -> None:
    story = await stages.restricted(incident)
    first = len(story.world.letters)
    await story.passes(days=6)
    assert story.world.letters[first:] == [Notice.STILL_RESTRICTED] * 2
    assert story.world.tasks == []
    await story.passes(days=1, hours=1)
    await until(lambda: story.world.tasks == [TaskKind.DECIDE_ON_SERVICE])
    assert story.world.letters[-1] is Notice.FINAL_NOTICE
    await story.passes(days=60)
    assert story.world.letters[-1] is Notice.FINAL_NOTICE
    assert story.world.in_force == {HOLD}
    assert await story.stage() == Stage.RESTRICTED


async def test_a_client_who_has_answered_gets_no_final_notice(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.call_outcome(reached=True)
    await story.passes(days=7, hours=1)
    await until(lambda: story.world.tasks == [TaskKind.DECIDE_ON_SERVICE])
    assert Notice.FINAL_NOTICE not in story.world.letters


async def test_fixed_after_the_final_notice_is_still_heard(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.passes(days=8)
    await story.fixed()
    await story.comes_to(Stage.VERIFYING)


async def test_after_not_fixed_the_chasing_begins_anew(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(offences=[("3 messages since",)]))
    await story.passes(days=8)
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: story.world.letters[-1] is Notice.NOT_FIXED)
    await story.passes(days=1, hours=1)
    await until(lambda: story.world.letters[-1] is Notice.STILL_RESTRICTED)


async def test_a_call_that_reached_nobody_is_no_answer(incident: Start) -> None:
    story = await stages.waiting(incident, a_world(plan=a_plan(call=True)))
    await story.call_outcome(reached=False)
    [done] = story.world.of("complete_tasks")
    assert (done.kind, done.outcome) == (TaskKind.CALL_CLIENT, "not reached: will look tonight")
    assert not (await story.view()).acknowledged


# --- conditions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "accepts", "missing"),
    [
        (SECOND, (), "delisting_fee, authenticated_smtp_only"),
        (SECOND, (Term.DELISTING_FEE,), "authenticated_smtp_only"),
        (THIRD, ACCEPTED, "dedicated_address_or_hourly_limit"),
    ],
)
async def test_fixed_without_the_ladders_conditions_is_refused(
    incident: Start, conditions: tuple[Condition, ...], accepts: tuple[Term, ...], missing: str
) -> None:
    story = await stages.waiting(incident, a_world(plan=a_plan(conditions=conditions)))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.fixed(*accepts)
    assert f"not accepted yet: {missing}" in str(refused.value.cause)


async def test_a_second_incident_has_conditions_and_half_the_time(incident: Start) -> None:
    plan = a_plan(rung=Rung.SECOND, conditions=SECOND)
    story = await stages.waiting(incident, a_world(plan=plan, deadline=timedelta(hours=2)))
    assert (await story.view()).conditions == SECOND
    await story.fixed(*ACCEPTED)
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    assert story.world.of("record_charges")[0].accepted == ACCEPTED


async def test_a_third_incident_is_restricted_at_once_and_what_is_accepted_is_billed(
    incident: Start,
) -> None:
    plan = a_plan(rung=Rung.THIRD, conditions=THIRD)
    story = await incident(a_world(plan=plan, deadline=None))
    await story.comes_to(Stage.RESTRICTED)
    await until(lambda: story.world.letters == [Notice.RESTRICTED])
    accepted = (*ACCEPTED, Term.DEDICATED_ADDRESS)
    await story.fixed(*accepted)
    await story.comes_to(Stage.VERIFYING)
    await story.release(deliver_everything=True)
    await story.comes_to(Stage.PROBATION)
    assert story.world.of("record_charges")[0].accepted == accepted


# --- not fixed ---------------------------------------------------------------------------------


async def test_not_fixed_goes_back_to_the_rest_of_the_wait(incident: Start) -> None:
    story = await stages.waiting(incident, a_world(offences=[("3 messages since",)]))
    await story.passes(hours=1)
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: story.world.letters[-1] is Notice.NOT_FIXED)
    view = await story.view()
    assert (view.stage, view.fixed_at) == (Stage.WAITING, None)
    letter = story.world.of("send_notice")[-1]
    assert (letter.reasons, letter.deadline) == (("3 messages since",), view.deadline)
    await story.passes(hours=2, minutes=50)
    await until(lambda: story.world.in_force == {HOLD})


async def test_not_fixed_when_the_deadline_has_passed_meanwhile(incident: Start) -> None:
    story = await stages.waiting(incident, a_world(offences=[("3 messages since",)]))
    await story.passes(hours=3, minutes=55)
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: story.world.letters[-1] is Notice.RESTRICTED)
    assert Notice.NOT_FIXED not in story.world.letters
    assert story.world.in_force == {HOLD}


async def test_not_fixed_under_a_restriction_stays_restricted(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(offences=[("3 messages since",)]))
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: story.world.letters[-1] is Notice.NOT_FIXED)
    assert await story.stage() == Stage.RESTRICTED
    assert story.world.in_force == {HOLD}
    await story.fixed()
    await story.comes_to(Stage.VERIFYING)


async def test_offending_mail_ends_the_watch_at_once(incident: Start) -> None:
    world = a_world(offences=[("1 report since",)])
    story = await stages.waiting(incident, world)
    await story.fixed()
    await story.comes_to(Stage.VERIFYING)
    await world.tell(last_sent_at=await story.now() + timedelta(seconds=1))
    await until(lambda: world.letters[-1] is Notice.NOT_FIXED)
    assert world.in_force == {LIMIT}


async def test_an_escalation_before_the_fix_is_not_carried_out_after_it(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.fixed()
    await story.comes_to(Stage.VERIFYING)
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    last = await story.now()
    await story.world.tell(last_sent_at=last + timedelta(seconds=1))
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)
    assert story.world.imposed == [LIMIT, HOLD, HOLD]


def test_a_plan_of_the_tests_is_a_first_incident() -> None:
    assert replace(a_plan(), rung=Rung.FIRST) == a_plan()
