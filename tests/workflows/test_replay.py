"""Incidents that run today must go on under tomorrow's code: recorded histories, replayed."""

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.workflows.record import HISTORIES, NAMES
from workflows.incident import IncidentWorkflow
from workflows.record import CarryDecisions
from workflows.runner import in_tests


def test_every_path_is_recorded_and_no_other() -> None:
    assert sorted(path.stem for path in HISTORIES.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_incident_goes_on(name: str) -> None:
    """What fails here would break incidents that run: keep the old way under a patch."""
    history = WorkflowHistory.from_json(
        f"incident-{name}", (HISTORIES / f"{name}.json").read_text()
    )
    replayer = Replayer(
        workflows=[IncidentWorkflow],
        workflow_runner=in_tests(),
        interceptors=[CarryDecisions()],
    )
    await replayer.replay_workflow(history)


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_incident_tells_its_path_to_the_end(name: str) -> None:
    """Else a recording that broke off would pass, and hold nothing."""
    last = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text()).events[-1]
    ends = (
        "workflow_execution_continued_as_new_event_attributes"
        if name == "turned_over.1"
        else "workflow_execution_completed_event_attributes"
    )
    assert last.HasField(ends)  # type: ignore[arg-type]


async def test_a_changed_story_is_noticed() -> None:
    """The replay must be able to fail: one letter more than was recorded."""
    history = WorkflowHistory.from_json(
        "incident-cancelled", (HISTORIES / "cancelled.json").read_text()
    )
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            event.activity_task_scheduled_event_attributes.activity_type.name = "another_step"
            break
    replayer = Replayer(
        workflows=[IncidentWorkflow], workflow_runner=in_tests(), interceptors=[CarryDecisions()]
    )
    with pytest.raises(Exception, match=r"[Nn]ondeterminism"):
        await replayer.replay_workflow(history)
