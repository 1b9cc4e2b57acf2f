"""When the listing watch runs: a Temporal Schedule, brought to the setting as workers start."""

from dataclasses import replace
from datetime import timedelta
from math import ceil

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

from domain.blocklists.watching import Watch
from workers.engine import TASK_QUEUE
from workflows.watch import ListingWatch

SCHEDULE = "listing-watch"

_JITTER = 0.1
"""Of the interval: lists need not hear from everybody who runs Plazo on the hour."""


async def keep_schedule(client: Client, every: float | None) -> None:
    """Make or change the schedule: a pass every so many seconds, or none at all.

    One that an operator has paused stays paused. Raises RPCError when Temporal is away.
    """
    handle = client.get_schedule_handle(SCHEDULE)
    if every is None:
        try:
            await handle.delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return
    wanted = _schedule(every)
    try:
        await client.create_schedule(SCHEDULE, wanted)
    except ScheduleAlreadyRunningError:
        await handle.update(
            lambda given: ScheduleUpdate(
                schedule=replace(wanted, state=given.description.schedule.state)
            )
        )


def _schedule(every: float) -> Schedule:
    span = timedelta(seconds=ceil(every))
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ListingWatch.run,
            Watch(window_seconds=ceil(every)),
            id=SCHEDULE,
            task_queue=TASK_QUEUE,
            static_summary="every address on every blocklist",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=span)], jitter=span * _JITTER),
        # A pass that is late is let finish; the next begins at its own time.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=span),
    )
