"""Telling the client: when the wait begins, what comes back, and what goes beside mail."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.incident import Outcome, Stage
from domain.letters.notices import Notice
from domain.steps import TaskKind
from tests.workflows import stages
from tests.workflows.incident import Incident, Start
from tests.workflows.world import HOLD, LIMIT, LISTED, World, a_world, until

pytestmark = pytest.mark.real


async def untold(start: Start, world: World | None = None) -> Incident:
    """No contact takes the first letter."""
    world = world or a_world()
    world.impossible.add("send_notice")
    story = await start(world)
    await story.comes_to(Stage.WAITING)
    await story.rests()
    return story


async def bounced(story: Incident, number: int, notice: Notice = Notice.DEADLINE) -> None:
    """The letter of this number comes back."""
    key = f"{story.handle.id}/notice/{number}"
    await story.world.tell(bounced={**story.world.news.bounced, key: str(notice)})


# --- when the wait begins -------------------------------------------------------------------------


async def test_a_first_letter_that_nobody_could_receive_begins_no_deadline(
    incident: Start,
) -> None:
    story = await untold(incident)
    assert story.world.tasks == [TaskKind.NOTICE_UNDELIVERABLE]
    assert (await story.view()).deadline is None
    await story.passes(days=3)
    assert await story.stage() == Stage.WAITING
    assert story.world.in_force == {LIMIT}
    assert story.world.decided("the deadline has not begun")


async def test_it_begins_when_a_person_has_told_the_client(incident: Start) -> None:
    story = await untold(incident)
    await story.passes(hours=9)
    told = await story.now() - timedelta(hours=1)
    await story.world.tell(told_at=told, tasks_done=1)
    await until(lambda: bool(story.world.decided("the deadline is now")))
    assert (await story.view()).deadline == told + timedelta(hours=4)
    story.world.impossible.clear()
    await story.passes(hours=3, seconds=30)
    await story.comes_to(Stage.RESTRICTED)
    assert story.world.in_force == {HOLD}
    # The reminder is one hour before: the whole of it is reckoned anew.
    assert Notice.REMINDER in story.world.letters


async def test_a_phone_call_that_reached_the_client_begins_it(incident: Start) -> None:
    story = await untold(incident)
    await story.passes(hours=9)
    await story.call_outcome(reached=False)
    await story.rests()
    assert (await story.view()).deadline is None
    before = await story.now()
    await story.call_outcome(reached=True)
    await until(lambda: bool(story.world.decided("the deadline is now")))
    deadline = (await story.view()).deadline
    assert deadline is not None
    assert before + timedelta(hours=4) <= deadline <= before + timedelta(hours=4, minutes=1)


async def test_once_the_address_is_mended_the_letter_is_written_again(incident: Start) -> None:
    story = await untold(incident)
    await story.passes(hours=9)
    story.world.impossible.clear()
    now = await story.now()
    await story.world.tell(tasks_done=1)  # "the address is corrected", and nobody was told yet
    await until(lambda: story.world.letters == [Notice.DEADLINE])
    [letter] = story.world.of("send_notice")
    assert letter.deadline is not None
    assert letter.deadline >= now + timedelta(hours=4)
    assert (await story.view()).deadline == letter.deadline


async def test_an_address_that_is_no_better_leaves_it_where_it_was(incident: Start) -> None:
    story = await untold(incident)
    await story.world.tell(tasks_done=1)
    await until(lambda: len(story.world.tasks) == 2)
    assert set(story.world.tasks) == {TaskKind.NOTICE_UNDELIVERABLE}
    assert (await story.view()).deadline is None


@pytest.mark.parametrize("news", [{"listed": (LISTED,)}, {"volume": 1_000}])
async def test_what_ends_a_wait_ends_one_that_has_not_begun(
    incident: Start, news: dict[str, object]
) -> None:
    story = await untold(incident)
    await story.world.tell(**news)
    await story.comes_to(Stage.RESTRICTED)
    await until(lambda: story.world.in_force == {HOLD})


async def test_a_deadline_that_has_not_begun_cannot_be_moved(incident: Start) -> None:
    story = await untold(incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.extend(hours=1)
    assert "nobody has told the client yet" in str(refused.value.__cause__)


async def test_fixed_ends_it_all_the_same(incident: Start) -> None:
    story = await untold(incident)
    story.world.impossible.clear()
    await story.fixed()
    assert (await story.closes()).outcome is Outcome.REMEDIATED


async def test_a_mail_server_that_is_away_for_an_hour_is_no_start_either(incident: Start) -> None:
    world = a_world()
    world.down.add("send_notice")
    story = await incident(world)
    await until(lambda: "send_notice" in world.tried)
    await story.passes(hours=1, minutes=6)
    await until(lambda: world.tasks == [TaskKind.NOTICE_UNDELIVERABLE])
    world.down.clear()
    assert (await story.view()).deadline is None


# --- what comes back ------------------------------------------------------------------------------


async def test_a_first_letter_that_comes_back_is_written_again_with_the_whole_deadline(
    incident: Start,
) -> None:
    story = await stages.waiting(incident)
    await story.passes(hours=2)
    now = await story.now()
    await bounced(story, 1)
    await until(lambda: story.world.letters == [Notice.DEADLINE] * 2)
    first, second = story.world.of("send_notice")
    assert first.key != second.key
    assert second.deadline is not None
    assert second.deadline >= now + timedelta(hours=4)
    await story.passes(hours=2, minutes=30)
    assert await story.stage() == Stage.WAITING
    await story.passes(hours=2)
    await story.comes_to(Stage.RESTRICTED)


async def test_when_every_contact_has_come_back_the_deadline_stands_still(incident: Start) -> None:
    story = await stages.waiting(incident)
    story.world.impossible.add("send_notice")
    await bounced(story, 1)
    await until(lambda: story.world.tasks == [TaskKind.NOTICE_UNDELIVERABLE])
    await story.passes(days=2)
    view = await story.view()
    assert (view.stage, view.deadline) == (Stage.WAITING, None)


async def test_a_later_letter_that_comes_back_moves_no_deadline(incident: Start) -> None:
    story = await stages.waiting(incident)
    before = (await story.view()).deadline
    await story.passes(hours=3, minutes=1)
    await until(lambda: story.world.letters[-1] is Notice.REMINDER)
    await bounced(story, 2, Notice.REMINDER)
    await until(lambda: story.world.letters.count(Notice.REMINDER) == 2)
    assert (await story.view()).deadline == before


async def test_under_a_restriction_it_is_the_latest_letter_that_is_written_again(
    incident: Start,
) -> None:
    story = await stages.restricted(incident)
    written = len(story.world.letters)
    await bounced(story, 1)
    await story.passes(seconds=10)
    assert len(story.world.letters) == written
    await bounced(story, written, Notice.RESTRICTED)
    await until(lambda: len(story.world.letters) == written + 1)
    assert story.world.letters[-1] is Notice.RESTRICTED
    assert await story.stage() == Stage.RESTRICTED


async def test_the_same_bounce_told_again_is_followed_up_once(incident: Start) -> None:
    story = await stages.waiting(incident)
    await bounced(story, 1)
    await until(lambda: len(story.world.letters) == 2)
    await story.world.tell(reports=7)
    await story.passes(seconds=10)
    assert len(story.world.letters) == 2
    assert len(story.world.decided("a letter came back")) == 1


# --- beside mail ----------------------------------------------------------------------------------


async def test_each_notice_goes_to_the_channels_as_well(incident: Start) -> None:
    story = await stages.waiting(incident, a_world(channels=2))
    await until(lambda: len(story.world.of("send_to_channels")) == 1)
    [letter], [channel] = story.world.of("send_notice"), story.world.of("send_to_channels")
    assert channel.key == letter.key


async def test_without_channels_no_step_is_spent_on_them(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.fixed()
    await story.closes()
    assert story.world.of("send_to_channels") == []


async def test_a_channel_that_is_away_holds_up_nothing(incident: Start) -> None:
    world = a_world(channels=1)
    world.down.add("send_to_channels")
    story = await stages.waiting(incident, world)
    await story.engine.sleep(timedelta(minutes=61))
    await until(lambda: TaskKind.CHANNEL_FAILED in world.tasks)
    await story.engine.sleep(timedelta(hours=3))
    await story.comes_to(Stage.RESTRICTED)
    assert world.in_force == {HOLD}


async def test_a_channel_is_told_even_when_no_letter_arrives(incident: Start) -> None:
    story = await untold(incident, a_world(channels=1))
    await until(lambda: len(story.world.of("send_to_channels")) == 1)


async def test_an_ended_incident_ends_what_goes_beside_it(incident: Start) -> None:
    world = a_world(channels=1)
    world.down.add("send_to_channels")
    story = await stages.waiting(incident, world)
    await story.backs_off("send_to_channels")
    await story.false_positive()
    assert (await story.closes()).outcome is Outcome.FALSE_POSITIVE
