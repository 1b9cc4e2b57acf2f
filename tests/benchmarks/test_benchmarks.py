"""What the benchmarks reckon with: histories are read rightly, and a missed requirement shows."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import (
    ActivityTaskStartedEventAttributes,
    HistoryEvent,
    TimerFiredEventAttributes,
    TimerStartedEventAttributes,
)

from benchmarks.bare import Move, Part
from benchmarks.reading import actions, script_of
from benchmarks.table import Table, row

REPOSITORY = Path(__file__).parent.parent.parent


def an_event(kind: str) -> HistoryEvent:
    return HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{kind}"))


def an_attempt(number: int) -> HistoryEvent:
    return HistoryEvent(
        event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
        activity_task_started_event_attributes=ActivityTaskStartedEventAttributes(attempt=number),
    )


def a_timer(event_id: int, span: timedelta) -> HistoryEvent:
    whole = Duration()
    whole.FromTimedelta(span)
    return HistoryEvent(
        event_id=event_id,
        event_type=EventType.EVENT_TYPE_TIMER_STARTED,
        timer_started_event_attributes=TimerStartedEventAttributes(start_to_fire_timeout=whole),
    )


def its_firing(event_id: int) -> HistoryEvent:
    return HistoryEvent(
        event_type=EventType.EVENT_TYPE_TIMER_FIRED,
        timer_fired_event_attributes=TimerFiredEventAttributes(started_event_id=event_id),
    )


def test_a_start_is_paid_with_the_signal_that_it_came_with() -> None:
    billed = actions(
        [an_event("WORKFLOW_EXECUTION_STARTED"), an_event("WORKFLOW_EXECUTION_SIGNALED")]
    )
    assert billed.total() == 1


def test_each_attempt_after_the_first_is_an_action_of_its_own() -> None:
    billed = actions([an_event("ACTIVITY_TASK_SCHEDULED"), an_attempt(3)])
    assert (billed["activities"], billed["retries"]) == (1, 2)


def test_workflow_tasks_cost_nothing() -> None:
    billed = actions([an_event("WORKFLOW_TASK_SCHEDULED"), an_event("WORKFLOW_TASK_COMPLETED")])
    assert billed.total() == 0


def test_a_bare_workflow_waits_the_timers_that_the_incident_waited_out() -> None:
    history = [
        an_event("ACTIVITY_TASK_SCHEDULED"),
        a_timer(7, timedelta(seconds=1.5)),
        its_firing(7),
        a_timer(9, timedelta(seconds=60)),
    ]
    assert script_of(history) == [
        Part(move=Move.ACTIVITY),
        Part(move=Move.TIMER, seconds=1.5),
        Part(move=Move.CANCELLED_TIMER, seconds=60),
    ]


def test_a_requirement_is_held_against_the_median_of_the_rounds() -> None:
    assert row("ratio", "", [0.7, 0.8, 0.9], at_least=0.8).held is True
    assert row("ratio", "", [0.7, 0.79, 0.9], at_least=0.8).held is False


def test_one_missed_requirement_fails_the_table() -> None:
    met, missed, unasked = row("a", "", 1, at_most=1), row("b", "", 2, at_most=1), row("c", "", 9)
    assert Table(title="", rows=(met, unasked)).held
    assert not Table(title="", rows=(met, missed, unasked)).held


def test_an_unknown_name_lists_the_benchmarks_and_is_wrong_usage() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert asked.returncode == 2
    names = (
        "history", "incidents", "engine", "waiting", "intake", "storms", "attribution", "parsing",
    )  # fmt: skip
    assert all(name in asked.stdout for name in names)
