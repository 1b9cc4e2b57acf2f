"""The listing watch's story: slice after slice, in one pass, and a person told what was late."""

import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from tests.workflows import servers
from tests.workflows.watch import HISTORIES, NAMES, WINDOW, Slices, a_late_watch, told
from workflows.runner import in_tests
from workflows.watch import ListingWatch


async def test_a_pass_goes_from_slice_to_slice_and_sums_up(engine: WorkflowEnvironment) -> None:
    world = Slices()
    async with told(engine, world) as handle:
        watched = await handle.result()
    assert [each.after for each in world.slices] == [None, "1", "2"]
    assert (watched.addresses, watched.tally.addresses, watched.tally.found) == (30, 30, 3)
    [end] = world.ends
    assert end.finished
    assert end.seconds <= WINDOW


async def test_a_pass_begins_with_the_feeds_and_does_not_read_them_again(
    engine: WorkflowEnvironment,
) -> None:
    world, late = Slices(), Slices()
    async with told(engine, world) as handle:
        await handle.result()
    async with told(engine, late, a_late_watch()) as handle:
        await handle.result()
    assert world.feeds_read_after == [0]
    assert late.feeds_read_after == []


async def test_every_slice_of_a_pass_has_its_number_and_turns(engine: WorkflowEnvironment) -> None:
    world = Slices()
    async with told(engine, world) as handle:
        await handle.result()
    assert {each.number for each in world.slices} == {7}
    assert all(each.turns == {"bl.example": 2} for each in world.slices)


async def test_a_late_pass_is_told_of_once_and_finished(engine: WorkflowEnvironment) -> None:
    world = Slices()
    async with told(engine, world, a_late_watch()) as handle:
        watched = await handle.result()
    assert [each.finished for each in world.ends] == [False, True]
    assert all(each.seconds >= 2 * WINDOW for each in world.ends)
    assert watched.tally.addresses == 30


async def test_a_slice_that_breaks_off_knows_how_far_it_was(engine: WorkflowEnvironment) -> None:
    world = Slices(broken=True)
    async with told(engine, world) as handle:
        watched = await handle.result()
    tries = [details for what, details in world.asked[:-1] if what.after == "1"]
    assert tries == [(), ("half-way",)]
    assert watched.tally.addresses == 30


@pytest.mark.real
async def test_a_long_pass_goes_on_in_a_new_run() -> None:
    world = Slices(count=6)
    async with await servers.real(turn_over_after=20) as engine, told(engine, world) as handle:
        watched = await handle.result()
        last = (await engine.client.get_workflow_handle(handle.id).describe()).run_id
    assert last != handle.first_execution_run_id
    assert [each.after for each in world.slices] == [None, "1", "2", "3", "4", "5"]
    assert len({each.number for each in world.slices}) == 1
    assert watched.tally.addresses == 60


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_pass_goes_on(name: str) -> None:
    """What fails here would break a pass that runs: keep the old way under a patch."""
    await _replayer().replay_workflow(_history(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_pass_is_whole(name: str) -> None:
    ends = (
        "workflow_execution_continued_as_new_event_attributes"
        if name == "turned_over.1"
        else "workflow_execution_completed_event_attributes"
    )
    assert _history(name).events[-1].HasField(ends)  # type: ignore[arg-type]


async def test_a_changed_story_is_noticed() -> None:
    """The replay must be able to fail."""
    history = _history("late")
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            event.activity_task_scheduled_event_attributes.activity_type.name = "another_step"
            break
    with pytest.raises(Exception, match=r"[Nn]ondeterminism"):
        await _replayer().replay_workflow(history)


def _history(name: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())


def _replayer() -> Replayer:
    return Replayer(workflows=[ListingWatch], workflow_runner=in_tests())
