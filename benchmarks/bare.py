"""What an incident is held against: as many activities and timers, and nothing else."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from temporalio import activity, workflow


class Move(StrEnum):
    """What a history shows that a workflow did."""

    ACTIVITY = "activity"
    TIMER = "timer"
    CANCELLED_TIMER = "cancelled_timer"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One move; `seconds` of a timer."""

    move: Move
    seconds: float = 0.0


@activity.defn(name="nothing")
async def nothing() -> None:
    """Costs what an activity costs."""


@workflow.defn(name="Bare")
class Bare:
    """Does what the script says, one move after the other."""

    @workflow.run
    async def run(self, script: list[Part]) -> None:
        running: deque[asyncio.Task[None]] = deque()
        for part in script:
            match part.move:
                case Move.TIMER:
                    await workflow.sleep(part.seconds)
                case Move.CANCELLED_TIMER:
                    running.append(asyncio.create_task(workflow.sleep(part.seconds)))
                case Move.ACTIVITY:
                    await workflow.execute_activity(
                        nothing, start_to_close_timeout=timedelta(seconds=30)
                    )
                    while running:
                        running.popleft().cancel()


@workflow.defn(name="Hearing")
class Hearing:
    """Waits until it has heard as many signals as it was told."""

    def __init__(self) -> None:
        self.heard = 0

    @workflow.run
    async def run(self, signals: int) -> None:
        await workflow.wait_condition(lambda: self.heard >= signals)

    @workflow.signal
    def hear(self) -> None:
        self.heard += 1
