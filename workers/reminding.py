"""When the desk is reminded of tasks: a Temporal Schedule, kept as workers start."""

from dataclasses import replace
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.steps import Remind
from workers.engine import TASK_QUEUE
from workflows.reminding import TaskReminders

SCHEDULE = "task-reminders"

EVERY = timedelta(minutes=10)
"""The shortest time that a task may wait is half an hour (domain/tasks.py)."""


async def keep_schedule(client: Client, desk: str | None) -> None:
    """Make the schedule where there is a desk to write to, else take it away.

    One that is paused stays paused. Raises RPCError when Temporal is away.
    """
    handle = client.get_schedule_handle(SCHEDULE)
    if desk is None:
        try:
            await handle.delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            TaskReminders.run,
            Remind(),
            id=SCHEDULE,
            task_queue=TASK_QUEUE,
            static_summary="tasks that are due",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        # What a pass that is missed would have told, the next one tells.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=EVERY),
    )
    try:
        await client.create_schedule(SCHEDULE, wanted)
    except ScheduleAlreadyRunningError:
        await handle.update(
            lambda given: ScheduleUpdate(
                schedule=replace(wanted, state=given.description.schedule.state)
            )
        )
