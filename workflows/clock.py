"""The deadline: whether the wait is over, why, and how a person moves it."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.story import Story

with workflow.unsafe.imports_passed_through():
    from domain.acts import MoveDeadline
    from domain.incident import Act, Stage
    from domain.steps import Reckon
    from workflows import steps
    from workflows.state import Case

BEFORE_THE_DEADLINE = (Stage.OPEN, Stage.NOTIFIED, Stage.WAITING)


class TooLate(ApplicationError):
    """The wait ended for another reason while the new deadline was being reckoned."""

    def __init__(self, act: Act, stage: Stage) -> None:
        why = f'"{act}" comes too late: the incident is at stage "{stage}" by now'
        super().__init__(why, non_retryable=True)


class Clock(Story):
    """What ends the wait, and what moves its end."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.reckoning = 0
        """Moves of the deadline that are being reckoned. The old one does not pass meanwhile: the
        person's word came before it."""
        self.one_move_at_a_time = asyncio.Lock()

    def why_the_wait_is_over(self) -> str | None:
        """The reason, as it goes on record; None while the client still has time."""
        state = self.state
        plan, deadline = state.plan, state.deadline
        assert plan is not None
        assert deadline is not None
        if state.escalation is not None:
            return f"escalated by a person: {state.escalation}"
        if new := sorted(set(state.news.listed) - set(state.listed_before)):
            return f"listed while the deadline ran: {', '.join(new)}"
        if state.news.volume >= plan.hard_cap:
            return f"{state.news.volume} messages reach the hard cap of {plan.hard_cap}"
        if not self.reckoning and not state.untold and workflow.now() >= deadline:
            return f"the deadline of {deadline:%Y-%m-%d %H:%M:%S} UTC has passed"
        return None

    def nothing_to_wait_for(self) -> bool:
        """Whether the client's time is over, or no longer needed."""
        if self.state.stage not in BEFORE_THE_DEADLINE or self.state.deadline is None:
            return False
        return self.state.fixed is not None or self.why_the_wait_is_over() is not None

    async def move_deadline(self, which: Act, act: MoveDeadline, seconds: int) -> None:
        """Reckon the new deadline in the contract's calendar; the client is told by the story."""
        state = self.state
        self.reckoning += 1
        try:
            async with self.one_move_at_a_time:
                assert state.deadline is not None
                span = timedelta(seconds=act.seconds)
                self.decide(f"{which} the deadline by {span}", act.reason, by=act.by)
                what = Reckon(incident=self.case.incident, start=state.deadline, seconds=seconds)
                moments = await self.do(steps.RECKON, what, f"{which} the deadline by {span}")
                if self.deadline_ahead() is None:
                    raise TooLate(which, state.stage)
                state.deadline = moments.deadline
                now = workflow.now()
                state.reminders = tuple(each for each in moments.reminders if each > now)
                state.deadline_moved = True
                moved_to = f"{moments.deadline:%Y-%m-%d %H:%M:%S} UTC"
                self.decide(f"the deadline is now {moved_to}", act.reason, by=act.by)
                self.show()
        finally:
            self.reckoning -= 1
