"""What a recorded history tells: its moves, its size, and what Temporal Cloud would charge for."""

from collections import Counter
from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from benchmarks.bare import Move, Part

_BILLED = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attribute upserts",
}
"""One action each (https://docs.temporal.io/cloud/actions). A signal with start is one action in
all, so the start of an incident is counted with its first signal. Queries, which no history
shows, are not made by Plazo itself."""


def actions(events: Sequence[HistoryEvent]) -> Counter[str]:
    """Billable actions by kind, retries of activities among them."""
    found: Counter[str] = Counter()
    for event in events:
        if (kind := _BILLED.get(event.event_type)) is not None:
            found[kind] += 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            found["retries"] += event.activity_task_started_event_attributes.attempt - 1
    return found


def script_of(events: Sequence[HistoryEvent]) -> list[Part]:
    """The activities and timers of a recorded workflow, in its order."""
    fired = {
        event.timer_fired_event_attributes.started_event_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_TIMER_FIRED
    }
    script = []
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            script.append(Part(move=Move.ACTIVITY))
        elif event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            span = event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
            move = Move.TIMER if event.event_id in fired else Move.CANCELLED_TIMER
            script.append(Part(move=move, seconds=span.total_seconds()))
    return script
