"""When months are charged and caps looked at: a Temporal Schedule, kept as workers start."""

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

from domain.money.charging import ChargePass
from workers.engine import TASK_QUEUE
from workflows.charging import Charging

SCHEDULE = "charging"

EVERY = timedelta(hours=6)
"""A month is on the ledger on the day that it begins; a cap is told of within hours."""


async def keep_schedule(client: Client) -> None:
    """Make the schedule, or bring it to what this code wants; one that is paused stays paused.

    Raises RPCError when Temporal is away.
    """
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            Charging.run,
            ChargePass(),
            id=SCHEDULE,
            task_queue=TASK_QUEUE,
            static_summary="months that have begun, and caps that come near",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        # What a pass that is missed would have charged, the next one charges.
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
