"""The story of a delivery: patient while the far side is away, and never deaf."""

import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from domain.money.billing import DeliveryState
from tests.workflows.billing import HISTORIES, NAMES, FarAway, delivering, told_again
from workflows.billing import BillingDelivery
from workflows.runner import in_tests


async def test_it_waits_for_as_long_as_the_far_side_is_away(engine: WorkflowEnvironment) -> None:
    world = FarAway(away=400)  # four days
    async with delivering(engine, world) as handle:
        delivered = await handle.result()
    assert delivered.state is DeliveryState.SENT
    assert delivered.far_id == "far-1"
    assert len(world.asked) == 401


async def test_what_a_person_has_to_see_to_ends_it(engine: WorkflowEnvironment) -> None:
    world = FarAway(answers=[DeliveryState.REFUSED])
    async with delivering(engine, world) as handle:
        assert (await handle.result()).state is DeliveryState.REFUSED


async def test_told_of_again_while_it_ends_it_looks_once_more(engine: WorkflowEnvironment) -> None:
    world = FarAway(answers=[DeliveryState.REFUSED, DeliveryState.SENT])
    _, delivered = await told_again(engine, world)
    assert delivered.state is DeliveryState.SENT
    assert len(world.asked) == 2


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_delivery_goes_on(name: str) -> None:
    """What fails here would break a delivery that waits: keep the old way under a patch."""
    await _replayer().replay_workflow(_history(name))


async def test_a_changed_story_is_noticed() -> None:
    """The replay must be able to fail."""
    history = _history("sent")
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            event.activity_task_scheduled_event_attributes.activity_type.name = "another_step"
    with pytest.raises(Exception, match=r"[Nn]ondeterminism"):
        await _replayer().replay_workflow(history)


def _history(name: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())


def _replayer() -> Replayer:
    return Replayer(workflows=[BillingDelivery], workflow_runner=in_tests())
