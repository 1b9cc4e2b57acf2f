"""The wait: what ends it, and what a person may do with its deadline."""

import asyncio
from datetime import timedelta

import pytest

from domain.incident import Outcome, Stage
from domain.letters.notices import Notice
from domain.steps import TaskKind
from tests.workflows import stages
from tests.workflows.incident import Start
from tests.workflows.world import HOLD, LIMIT, LISTED, Gate, a_plan, a_world, until

pytestmark = pytest.mark.real


async def test_fixed_in_time_is_verified_lifted_and_closed(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.passes(hours=2)
    await story.fixed()
    closed = await story.closes()
    assert closed.outcome is Outcome.REMEDIATED
    assert story.world.steps == [
        "assess", "impose_measure", "send_notice",
        "verify_remedy", "lift_measures", "record_charges", "send_notice",
        "check_blocklists", "check_blocklists", "close_incident", "send_notice",
    ]  # fmt: skip
    assert story.world.letters == [Notice.DEADLINE, Notice.RELEASED, Notice.FINAL_REPORT]
    assert story.world.in_force == set()


async def test_the_wait_ends_with_the_deadline_and_not_before(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.passes(hours=3, minutes=59)
    assert await story.stage() == Stage.WAITING
    assert story.world.in_force == {LIMIT}
    await story.passes(minutes=2)
    await story.comes_to(Stage.RESTRICTED)
    assert story.world.in_force == {HOLD}
    assert story.world.letters[-1] is Notice.RESTRICTED
    assert story.world.of("send_notice")[-1].deadline is None


async def test_the_first_letter_says_what_holds_and_what_follows(incident: Start) -> None:
    story = await stages.waiting(incident)
    [letter] = story.world.of("send_notice")
    assert (letter.measure, letter.upcoming) == (LIMIT, HOLD)
    assert letter.deadline == (await story.view()).deadline


async def test_a_reminder_goes_out_before_the_deadline(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.passes(hours=2, minutes=59)
    assert story.world.letters == [Notice.DEADLINE]
    await story.passes(minutes=2)
    await until(lambda: story.world.letters == [Notice.DEADLINE, Notice.REMINDER])


async def test_reminders_missed_meanwhile_are_made_up_for_by_one_letter(incident: Start) -> None:
    many = (timedelta(minutes=90), timedelta(minutes=60), timedelta(minutes=30))
    story = await stages.waiting(incident, a_world(reminders=many, offences=[("still sent",)]))
    await story.passes(hours=2, minutes=29)
    story.world.down.add("verify_remedy")
    await story.fixed()
    await story.passes(minutes=63)
    story.world.down.clear()
    await story.passes(minutes=2)
    await until(lambda: Notice.NOT_FIXED in story.world.letters)
    await until(lambda: story.world.letters[-1] is Notice.REMINDER)
    assert story.world.letters.count(Notice.REMINDER) == 1


async def test_a_listing_during_the_wait_ends_it_at_once(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.world.tell(listed=(LISTED,))
    await story.comes_to(Stage.RESTRICTED)
    assert story.world.decided("the wait is over")[0].reasons == (
        f"listed while the deadline ran: {LISTED}",
    )
    await until(lambda: story.world.in_force == {HOLD})


@pytest.mark.parametrize(("volume", "stage"), [(999, Stage.WAITING), (1_000, Stage.RESTRICTED)])
async def test_volume_at_the_hard_cap_ends_the_wait_at_once(
    incident: Start, volume: int, stage: Stage
) -> None:
    story = await stages.waiting(incident)
    await story.world.tell(volume=volume)
    await until(lambda: story.world.news.revision >= 2)
    await story.passes(seconds=10)
    assert await story.stage() == stage


async def test_listed_at_the_start_means_no_wait(incident: Start) -> None:
    world = a_world(plan=a_plan(call=True), deadline=None, listed=(LISTED,))
    story = await incident(world)
    await story.comes_to(Stage.RESTRICTED)
    await until(lambda: len(world.steps) == 4)
    assert world.steps == ["assess", "impose_measure", "send_notice", "ask_person"]
    assert (world.imposed, world.letters) == ([HOLD], [Notice.RESTRICTED])
    assert world.tasks == [TaskKind.CALL_CLIENT]


async def test_a_phone_call_is_asked_for_beside_the_letter(incident: Start) -> None:
    story = await stages.waiting(incident, a_world(plan=a_plan(call=True)))
    assert story.world.tasks == [TaskKind.CALL_CLIENT]


async def test_a_client_who_has_read_it_still_has_a_deadline(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.acknowledge()
    assert (await story.view()).acknowledged
    await story.passes(hours=4, seconds=30)
    await story.comes_to(Stage.RESTRICTED)


async def test_fixed_while_the_call_is_being_asked_for(incident: Start) -> None:
    story, gate = await stages.held_up(incident, "ask_person")
    assert (await story.fixed()).stage == Stage.NOTIFIED
    gate.open()
    await story.comes_to(Stage.VERIFYING)
    assert story.world.imposed == [LIMIT]


# --- a person moves the deadline ---------------------------------------------------------------


async def test_an_extension_moves_deadline_and_reminder_and_is_told(incident: Start) -> None:
    story = await stages.waiting(incident)
    before = (await story.view()).deadline
    assert before is not None
    answer = await story.extend(hours=2)
    assert answer.deadline == (before + timedelta(hours=2)).isoformat()
    await until(lambda: story.world.letters == [Notice.DEADLINE, Notice.DEADLINE_MOVED])
    assert story.world.of("send_notice")[-1].deadline == before + timedelta(hours=2)
    await story.passes(hours=5, minutes=1)
    await until(lambda: story.world.letters[-1] is Notice.REMINDER)
    assert await story.stage() == Stage.WAITING
    await story.passes(hours=1)
    await story.comes_to(Stage.RESTRICTED)


async def test_an_extension_after_the_reminder_brings_another(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.passes(hours=3, minutes=30)
    await story.extend(hours=4)
    await story.passes(hours=4)
    await until(lambda: story.world.letters.count(Notice.REMINDER) == 2)
    assert await story.stage() == Stage.WAITING


async def test_shortening_below_now_ends_the_wait(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.passes(hours=2)
    await story.shorten(hours=3)
    await story.comes_to(Stage.RESTRICTED)
    assert Notice.DEADLINE_MOVED not in story.world.letters
    assert Notice.REMINDER not in story.world.letters


async def test_two_extensions_at_once_add_up(incident: Start) -> None:
    story = await stages.waiting(incident)
    before = (await story.view()).deadline
    assert before is not None
    await asyncio.gather(story.extend(hours=1), story.extend(hours=2))
    assert (await story.view()).deadline == before + timedelta(hours=3)


async def test_the_deadline_does_not_pass_while_its_extension_is_reckoned(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.passes(hours=3, minutes=55)
    story.world.down.add("reckon_deadline")
    extension = asyncio.create_task(story.extend(hours=2))
    await until(lambda: "reckon_deadline" in story.world.tried)
    await story.passes(minutes=10)
    assert story.world.imposed == [LIMIT]
    story.world.down.clear()
    await story.passes(minutes=2)
    assert (await extension).stage == Stage.WAITING
    await story.passes(minutes=90)
    assert await story.stage() == Stage.WAITING
    await story.passes(minutes=30)
    await story.comes_to(Stage.RESTRICTED)


async def test_a_listing_ends_the_wait_though_an_extension_is_reckoned(incident: Start) -> None:
    gate = Gate()
    story = await stages.waiting(incident)
    story.world.during["reckon_deadline"] = gate
    extension = asyncio.create_task(story.extend(hours=2))
    await gate.reached.wait()
    await story.world.tell(listed=(LISTED,))
    await until(lambda: Notice.RESTRICTED in story.world.letters)
    gate.open()
    with pytest.raises(Exception, match="failed") as refused:
        await extension
    assert "comes too late" in str(refused.value.__cause__)
    assert Notice.DEADLINE_MOVED not in story.world.letters


async def test_an_extension_while_the_measure_is_imposed_is_refused(incident: Start) -> None:
    gate = Gate()
    story = await stages.waiting(incident)
    story.world.during["impose_measure"] = gate
    await story.world.tell(listed=(LISTED,))
    await gate.reached.wait()
    with pytest.raises(Exception, match="failed") as refused:
        await story.extend(hours=2)
    assert 'refused at stage "restricted"' in str(refused.value.__cause__)
    gate.open()


async def test_fixed_while_the_measure_is_imposed_is_heard(incident: Start) -> None:
    gate = Gate()
    story = await stages.waiting(incident)
    story.world.during["impose_measure"] = gate
    await story.world.tell(listed=(LISTED,))
    await gate.reached.wait()
    await story.fixed()
    gate.open()
    await story.comes_to(Stage.VERIFYING)
    assert story.world.in_force == {HOLD}


async def test_escalating_ends_the_wait(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.escalate("phishing of a bank")
    await story.comes_to(Stage.RESTRICTED)
    [over] = story.world.decided("the wait is over")
    assert over.reasons == ("escalated by a person: phishing of a bank",)
    await until(lambda: story.world.letters[-1] is Notice.RESTRICTED)
    assert story.world.imposed == [LIMIT, HOLD]


# --- the provider's own mail server is down ----------------------------------------------------


async def test_mail_down_for_an_hour_is_a_task_and_no_stuck_incident(incident: Start) -> None:
    world = a_world(down={"send_notice"})
    story = await incident(world)
    await until(lambda: "send_notice" in world.tried)
    await story.passes(minutes=50)
    assert world.tasks == []
    await story.passes(minutes=11)
    await story.comes_to(Stage.WAITING)
    assert world.tasks == [TaskKind.NOTICE_UNDELIVERABLE]


async def test_mail_down_does_not_hold_up_what_a_listing_demands(incident: Start) -> None:
    world = a_world(down={"send_notice"})
    await incident(world)
    await until(lambda: "send_notice" in world.tried)
    await world.tell(listed=(LISTED,))
    await until(lambda: world.in_force == {HOLD})


async def test_mail_down_does_not_hold_up_a_deadline_that_the_client_was_told(
    incident: Start,
) -> None:
    story = await stages.waiting(incident)
    story.world.down.add("send_notice")
    await story.passes(hours=4, minutes=1)
    await until(lambda: story.world.in_force == {HOLD})
