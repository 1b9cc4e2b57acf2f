"""The metering's story: read, compare, bill, each until it succeeds."""

import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from domain.money.usage import BilledLate, PassMetered, Reconciled, Taken
from tests.workflows.metering import HISTORY, Meters, told
from workflows.metering import Metering
from workflows.runner import in_tests


async def test_a_pass_reads_before_it_compares_and_bills(engine: WorkflowEnvironment) -> None:
    world = Meters(away=True)
    async with told(engine, world) as handle:
        found = await handle.result()
    assert world.asked == ["take", "take", "reconcile", "reconcile", "bill", "bill"]
    assert found == PassMetered(
        taken=Taken(readings=3, untold={"mx2": "not now"}),
        reconciled=Reconciled(days=2, differ=1),
        billed=BilledLate(incidents=1, charges=("incident-vps-1-1/smarthost/2",)),
    )


async def test_a_recorded_pass_goes_on() -> None:
    """What fails here would break a pass that runs: keep the old way under a patch."""
    history = WorkflowHistory.from_json("pass", HISTORY.read_text())
    await Replayer(workflows=[Metering], workflow_runner=in_tests()).replay_workflow(history)


async def test_a_changed_story_is_noticed() -> None:
    """The replay must be able to fail."""
    history = WorkflowHistory.from_json("pass", HISTORY.read_text())
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            event.activity_task_scheduled_event_attributes.activity_type.name = "another_step"
            break
    replayer = Replayer(workflows=[Metering], workflow_runner=in_tests())
    with pytest.raises(Exception, match=r"[Nn]ondeterminism"):
        await replayer.replay_workflow(history)
