"""After the release: off every list, through probation, and what a relapse means."""

from datetime import timedelta

import pytest

from domain.incident import Outcome, Stage
from domain.letters.notices import Notice
from domain.steps import TaskKind, WayOut
from tests.workflows import stages
from tests.workflows.incident import Incident, Start
from tests.workflows.world import BLOCK, HOLD, HOLD_ALL, LIMIT, LISTED, a_plan, a_world, until

pytestmark = pytest.mark.real

OTHER = "192.0.2.7 bl.other.example"
ASKED = ("zen.example", ("192.0.2.7",), 0, False)


def looks(story: Incident) -> int:
    return story.world.steps.count("check_blocklists")


# --- delisting ---------------------------------------------------------------------------------


async def test_lists_are_looked_at_in_growing_intervals(incident: Start) -> None:
    story = await stages.delisting(incident)
    at = [looks(story)]
    for hours in (1, 1, 1, 4):  # looks are 1, 2 and 4 hours apart
        await story.passes(hours=hours, seconds=5)
        await until(lambda: story.world.steps[-1] in ("check_blocklists", "request_delisting"))
        at.append(looks(story))
    assert at == [1, 2, 2, 3, 4]


async def test_lists_are_asked_daily_at_last(incident: Start) -> None:
    story = await stages.delisting(incident)
    await story.passes(days=10)
    before = looks(story)
    await story.passes(days=5)
    assert looks(story) - before == 5


async def test_removal_is_requested_once_for_each_listing(incident: Start) -> None:
    story = await stages.delisting(incident)
    await story.passes(hours=8)
    assert story.world.removals == [ASKED]
    story.world.listed = (LISTED, OTHER)
    await story.passes(days=1)
    assert story.world.removals == [ASKED, ("bl.other.example", ("192.0.2.7",), 0, False)]


async def test_each_list_is_asked_once_for_all_that_is_on_it(incident: Start) -> None:
    world = a_world(ways={"zen.example": WayOut(page="https://zen.example/remove")})
    story = await stages.restricted(incident, world)
    world.listed = (LISTED, "192.0.2.8 zen.example", OTHER)
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: len(world.removals) == 2)
    first, second = world.of("request_delisting")
    assert (first.zone, first.subjects) == ("bl.other.example", ("192.0.2.7",))
    assert (second.zone, second.subjects) == ("zen.example", ("192.0.2.7", "192.0.2.8"))
    assert second.page == "https://zen.example/remove"


async def test_nothing_is_requested_before_the_cause_is_gone(incident: Start) -> None:
    story = await stages.waiting(incident, a_world(listed=(LISTED,), takers={"zen.example"}))
    await story.world.tell(listed=(LISTED,))
    await story.passes(days=2)
    await story.fixed()
    story.world.offences = [("3 reports of mail sent since",)]
    await story.passes(minutes=16)
    await until(lambda: story.world.letters[-1] is Notice.NOT_FIXED)
    assert story.world.removals == []
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: bool(story.world.removals))
    assert story.world.steps.index("lift_measures") < story.world.steps.index("request_delisting")


async def test_a_relapse_begins_a_round_in_which_lists_are_asked_anew(incident: Start) -> None:
    story = await stages.delisting(incident, a_world(takers={"zen.example"}))
    await story.world.tell(last_sent_at=await story.now() + timedelta(seconds=1))
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)
    await story.passes(days=1)
    assert story.world.removals == [ASKED]
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: len(story.world.removals) == 2)
    assert story.world.removals == [ASKED, ("zen.example", ("192.0.2.7",), 1, False)]


async def test_a_request_that_changes_nothing_in_days_is_a_persons(incident: Start) -> None:
    story = await stages.delisting(incident, a_world(takers={"zen.example"}))
    await story.passes(days=2)
    assert story.world.removals == [ASKED]
    await story.passes(days=20)
    assert story.world.removals == [ASKED, ("zen.example", ("192.0.2.7",), 0, True)]
    assert story.world.tasks == []


async def test_a_request_that_cannot_be_made_at_all_is_a_task_and_the_incident_goes_on(
    incident: Start,
) -> None:
    world = a_world(
        impossible={"request_delisting"},
        ways={"zen.example": WayOut(page="https://zen.example/remove")},
    )
    story = await stages.restricted(incident, world)
    world.listed = (LISTED,)
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: TaskKind.REQUEST_DELISTING in world.tasks)
    [task] = world.of("ask_person")
    assert task.detail == f"request removal: {LISTED} at https://zen.example/remove"
    world.listed = ()
    assert (await story.closes()).outcome is Outcome.REMEDIATED


async def expiring(start: Start) -> Incident:
    """Lifted, and on a list that drops its listings after a day."""
    world = a_world(ways={"zen.example": WayOut(hours=24)})
    story = await stages.restricted(start, world)
    world.listed = (LISTED,)
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: bool(world.decided(f"{LISTED} expires by itself")))
    return story


async def test_what_expires_by_itself_is_waited_for(incident: Start) -> None:
    story = await expiring(incident)
    await story.passes(hours=30)
    story.world.listed = ()
    assert (await story.closes()).outcome is Outcome.REMEDIATED
    assert story.world.removals == []


async def test_what_should_have_expired_is_a_persons(incident: Start) -> None:
    story = await expiring(incident)
    await story.passes(hours=80)
    assert story.world.removals == [ASKED]


async def test_word_of_a_delisting_is_looked_into_at_once(incident: Start) -> None:
    story = await stages.restricted(incident)
    story.world.listed = (LISTED,)
    await story.world.tell(listed=(LISTED,))
    await story.fixed()
    await story.passes(minutes=16)
    await until(lambda: bool(story.world.removals))
    await story.rests()
    story.world.listed = ()
    await story.world.tell(listed=())
    await story.comes_to(Stage.PROBATION)


async def test_a_list_that_never_had_it_and_is_silent_holds_up_nothing(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(unanswered=("dead.example",)))
    await story.fixed()
    closed = await story.closes()
    assert closed.outcome is Outcome.REMEDIATED


async def test_a_list_that_had_it_and_is_silent_is_asked_again(incident: Start) -> None:
    story = await stages.delisting(incident)
    story.world.listed, story.world.unanswered = (), ("zen.example",)
    await story.passes(hours=8)
    assert await story.stage() == Stage.DELISTING
    story.world.unanswered = ()
    assert (await story.closes()).outcome is Outcome.REMEDIATED


async def test_a_charge_for_delisting_is_made_where_a_listing_came_after_the_bill(
    incident: Start,
) -> None:
    story = await stages.restricted(incident)
    await story.fixed()
    await story.passes(minutes=10)
    assert "record_charges" not in story.world.steps
    story.world.listed = (LISTED,)
    await story.passes(minutes=6)
    await until(lambda: bool(story.world.removals))
    story.world.listed = ()
    await story.closes()
    assert story.world.steps.count("record_charges") == 2


async def test_nothing_is_charged_twice_without_a_listing(incident: Start) -> None:
    story = await stages.probation(incident)
    await story.closes()
    assert story.world.steps.count("record_charges") == 1


# --- probation and relapse ---------------------------------------------------------------------


async def test_probation_lasts_as_long_as_the_contract_says(incident: Start) -> None:
    story = await stages.probation(incident)
    await story.passes(hours=23, minutes=30)
    assert "close_incident" not in story.world.steps
    await story.passes(minutes=45)
    await until(lambda: story.world.letters[-1] is Notice.FINAL_REPORT)


async def test_a_relapse_restores_the_measure_at_once_without_a_deadline(incident: Start) -> None:
    story = await stages.probation(incident)
    assert story.world.in_force == set()
    await story.world.tell(last_sent_at=await story.now() + timedelta(seconds=1))
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)
    assert story.world.in_force == {HOLD}
    letter = story.world.of("send_notice")[-1]
    assert (letter.deadline, letter.upcoming, letter.measure) == (None, None, HOLD)
    view = await story.view()
    assert (view.stage, view.fixed_at) == (Stage.RESTRICTED, None)
    await story.passes(minutes=1)
    await story.fixed()
    closed = await story.closes()
    assert (closed.outcome, closed.relapses) == (Outcome.REMEDIATED, 1)


async def test_a_relapse_while_it_is_delisted(incident: Start) -> None:
    story = await stages.delisting(incident)
    await story.world.tell(last_sent_at=await story.now() + timedelta(seconds=1))
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)
    assert story.world.in_force == {HOLD}


async def test_a_relapse_where_no_measure_was_ever_in_force(incident: Start) -> None:
    world = a_world(plan=a_plan(containment=()))
    story = await stages.waiting(incident, world)
    await story.fixed()
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    assert world.imposed == []
    await world.tell(last_sent_at=await story.now() + timedelta(seconds=1))
    await until(lambda: world.letters[-1] is Notice.RELAPSE)
    assert world.in_force == {HOLD}


async def test_a_relapse_after_containment_only_takes_the_preferred_measure(
    incident: Start,
) -> None:
    story = await stages.waiting(incident)
    await story.fixed()
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    await story.world.tell(last_sent_at=await story.now() + timedelta(seconds=1))
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)
    assert story.world.imposed == [LIMIT, HOLD]


async def test_a_relapse_takes_another_measure_where_the_last_cannot_be_had(
    incident: Start,
) -> None:
    story = await stages.restricted(incident, a_world(refused={HOLD, HOLD_ALL}))
    assert story.world.in_force == {BLOCK}
    await story.fixed()
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    story.world.refused = {BLOCK}
    await story.world.tell(last_sent_at=await story.now() + timedelta(seconds=1))
    await until(lambda: story.world.in_force == {HOLD})


async def test_a_late_report_of_old_spam_is_no_relapse(incident: Start) -> None:
    story = await stages.probation(incident)
    await story.world.tell(reports=9, last_sent_at=await story.now() - timedelta(days=1))
    closed = await story.closes()
    assert (closed.outcome, closed.relapses) == (Outcome.REMEDIATED, 0)


async def test_a_listing_in_probation_is_a_relapse(incident: Start) -> None:
    story = await stages.probation(incident)
    await story.world.tell(listed=(LISTED,))
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)
    assert story.world.decided("relapse")[0].reasons == (f"listed in probation: {LISTED}",)


async def test_a_listing_watch_that_has_not_heard_of_the_delisting_is_no_relapse(
    incident: Start,
) -> None:
    story = await stages.restricted(incident)
    await story.world.tell(listed=(LISTED,))
    await story.fixed()
    closed = await story.closes()
    assert closed.relapses == 0


async def test_off_the_list_and_on_it_again_in_probation_is_a_relapse(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.world.tell(listed=(LISTED,))
    await story.fixed()
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    await story.world.tell(listed=())
    await story.world.tell(listed=(LISTED,))
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)


async def test_a_listing_found_by_the_last_look_is_a_relapse(incident: Start) -> None:
    story = await stages.probation(incident)
    story.world.listed = (LISTED,)
    await story.passes(days=1, minutes=1)
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)
    assert "close_incident" not in story.world.steps


# --- the last moment ---------------------------------------------------------------------------


async def test_news_at_the_last_moment_prevents_the_close(incident: Start) -> None:
    story = await stages.probation(incident)
    story.world.unheard = 1
    await story.passes(days=1, minutes=1)
    await until(lambda: "close_incident" in story.world.steps)
    assert await story.stage() == Stage.PROBATION
    story.world.unheard = 0
    await story.world.tell(last_sent_at=await story.now())
    await until(lambda: story.world.letters[-1] is Notice.RELAPSE)


async def test_old_news_at_the_last_moment_only_delays_it(incident: Start) -> None:
    story = await stages.probation(incident)
    story.world.unheard = 1
    await story.passes(days=1, minutes=1)
    await until(lambda: "close_incident" in story.world.steps)
    story.world.unheard = 0
    await story.world.tell(reports=7)
    assert (await story.closes()).outcome is Outcome.REMEDIATED
    assert story.world.steps.count("close_incident") == 2
