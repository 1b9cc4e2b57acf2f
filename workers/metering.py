"""When usage is read, compared and billed late: a Temporal Schedule, kept as workers start."""

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

from domain.money.usage import MeterPass
from workers.engine import TASK_QUEUE
from workflows.metering import Metering

SCHEDULE = "metering"

EVERY = timedelta(minutes=15)
"""A redirect's figures are hardly older when its incident is looked at, and a pass asks little."""


async def keep_schedule(client: Client) -> None:
    """Make the schedule, or bring it to what this code wants; one that is paused stays paused.

    Raises RPCError when Temporal is away.
    """
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            Metering.run,
            MeterPass(),
            id=SCHEDULE,
            task_queue=TASK_QUEUE,
            static_summary="usage of smarthosts",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        # What a pass that is missed would have read, the next one reads.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=EVERY),
    )
    try:
        await client.create_schedule(SCHEDULE, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(SCHEDULE).update(
            lambda given: ScheduleUpdate(
                schedule=replace(wanted, state=given.description.schedule.state)
            )
        )
