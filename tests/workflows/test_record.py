"""How decisions reach the audit chain, and how news reaches the incident."""

import asyncio

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.incident import Outcome, Stage
from domain.letters.notices import Notice
from domain.news import News
from tests.workflows import stages
from tests.workflows.incident import Start, begin, told
from tests.workflows.world import HOLD, LIMIT, LISTED, Gate, a_world, until
from workflows.story import TURN_OVER_AFTER

pytestmark = pytest.mark.real


async def test_every_step_carries_what_led_to_it(incident: Start) -> None:
    story = await stages.restricted(incident)
    carried = dict(zip(story.world.tried, story.world.chronicles, strict=True))
    led_to_it = [decision.what for decision in carried["impose_measure"].decisions]
    assert led_to_it == ["the wait is over", "stage: restricted"]
    assert carried["send_notice"].view.measure == str(HOLD)
    assert carried["send_notice"].incident == story.handle.id


async def test_what_is_on_record_is_not_carried_again(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.fixed()
    await story.closes()
    numbers = [each.number for sent in story.world.chronicles for each in sent.decisions]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_what_a_failed_step_carried_is_carried_again(incident: Start) -> None:
    story = await stages.waiting(incident)
    story.world.impossible.add("send_notice")
    await story.extend(hours=1)
    await until(lambda: "ask_person" in story.world.steps)
    *_, letter, task = (
        sent
        for step, sent in zip(story.world.tried, story.world.chronicles, strict=True)
        if step in ("send_notice", "ask_person") and sent.decisions
    )
    assert set(letter.decisions) < set(task.decisions)
    assert task.decisions[-1].reasons == ("refused for good",)


async def test_what_a_step_under_way_carries_sets_out_no_other(incident: Start) -> None:
    gate = Gate()
    story = await stages.waiting(incident)
    story.world.during["waive_charge"] = gate
    waiver = asyncio.create_task(story.waive())
    await gate.reached.wait()
    before = story.world.tried.count("keep_record")
    await story.world.tell(reports=2)
    await asyncio.sleep(0.1)
    assert story.world.tried.count("keep_record") == before
    gate.open()
    await waiver


async def test_all_is_on_record_when_it_has_closed(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.waive()
    await story.false_positive()
    await story.closes()
    assert [story.world.views[-1].stage, story.world.views[-1].outcome] == [
        Stage.CLOSED, Outcome.FALSE_POSITIVE,
    ]  # fmt: skip
    said = [decision.what for decision in story.world.decisions]
    assert said[-3:] == [
        "declared a false positive",
        f"{LIMIT} is lifted",
        "stage: closed",
    ]
    assert story.world.decided("declared a false positive")[0].by == "desk:ana"


# --- news --------------------------------------------------------------------------------------


async def test_news_of_a_lower_revision_is_ignored(incident: Start) -> None:
    story = await stages.waiting(incident)
    await story.handle.signal("news", News(revision=0, listed=(LISTED,)))
    await story.handle.signal("news", News(revision=1, volume=99_999))
    await story.rests()
    assert await story.stage() == Stage.WAITING


async def test_the_same_call_starts_an_incident_and_tells_one_that_runs(
    engine: WorkflowEnvironment, incident: Start
) -> None:
    story = await stages.waiting(incident)
    story.world.news = News(revision=9, listed=(LISTED,))
    await begin(engine, story.world, story.handle.id)
    assert (await story.newest()).run_id == story.first_run
    await until(lambda: story.world.letters[-1] is Notice.RESTRICTED)


# --- determinism -------------------------------------------------------------------------------


async def test_a_worker_that_remembers_nothing_tells_the_same_story(
    engine: WorkflowEnvironment,
) -> None:
    """With no cache, every workflow task replays the history from its start."""
    async with told(engine, a_world(), "incident-forgetful-1", cached=0) as story:
        await story.comes_to(Stage.WAITING)
        await story.extend(hours=1)
        await story.passes(hours=5, minutes=1)
        await story.comes_to(Stage.RESTRICTED)
        await story.fixed()
        assert (await story.closes()).outcome is Outcome.REMEDIATED
        assert await story.happened("WORKFLOW_TASK_FAILED") == 0


async def test_a_long_history_continues_as_new(incident: Start) -> None:
    story = await stages.waiting(incident)
    first = story.first_run
    for _ in range(2 * TURN_OVER_AFTER // 100):  # many share a task, and its events
        for _ in range(100):
            await story.world.tell(reports=story.world.news.reports + 1)
        # A run cannot end while signals keep coming in; the dispatcher's have an interval.
        await story.rests()
        if (await story.newest()).run_id != first:
            break
    assert (await story.newest()).run_id != first
    await story.rests()
    assert len(await story.events()) < TURN_OVER_AFTER / 2
    assert (await story.view()).measure == str(LIMIT)
    await story.fixed()
    assert (await story.closes()).outcome is Outcome.REMEDIATED
    assert story.world.in_force == set()
