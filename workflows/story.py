"""What every chapter of an incident is told with: steps, and waits."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.memory import Memory

with workflow.unsafe.imports_passed_through():
    from domain.steps import AskPerson, Done, KeepRecord, TaskKind
    from workflows import steps
    from workflows.state import Case
    from workflows.steps import Step

Takes = TypeVar("Takes")
Gives = TypeVar("Gives")

TURN_OVER_AFTER = 2_000
"""History events after which a waiting incident continues as new; the server warns at 10,240."""


class Ended(ApplicationError):
    """A person has ended the incident; the chapter that runs stops where it stands."""

    def __init__(self) -> None:
        super().__init__("the incident has been ended by a person meanwhile", non_retryable=True)


class TurnOver(Exception):
    """The history is long enough: go on with the same state in a new run."""


class CannotGoOn(Exception):
    """A step was refused for good, so that no retry mends it; the workflow task fails until the
    cause is gone. Mend it, then reset the workflow to before the step.

    Not a failure in Temporal's sense on purpose: an incident that failed would leave its measures
    on and nobody to lift them.
    """

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"{step} was refused for good: {why}; mend it, then reset the workflow")


class Story(Memory):
    """The few verbs that the chapters are made of."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.beside: set[asyncio.Task[None]] = set()
        """What goes on beside the story, and ends before a run of it does."""

    # --- doing ---------------------------------------------------------------------------------

    async def do(self, step: Step[Takes, Gives], what: Takes, why: str) -> Gives:
        """Carry out one step. Raises `Ended` if a person ends the incident meanwhile.

        A step that is refused for good fails the update that asked for it; in the story itself it
        is `CannotGoOn`.
        """
        try:
            return await self._carry_out(step, what, why)
        except ActivityError as error:
            if workflow.current_update_info() is not None:
                raise
            raise CannotGoOn(step.name, str(error.cause or error)) from error

    async def attempt(
        self,
        step: Step[Takes, Gives],
        what: Takes,
        why: str,
        *,
        until: datetime | None = None,
        unless: Callable[[], bool] | None = None,
    ) -> Gives | None:
        """Like `do`, for a step that may turn out to be impossible: None then, with the reason.

        It is also given up at `until`, and as soon as `unless` holds.
        """
        try:
            return await self._carry_out(step, what, why, until, unless)
        except ActivityError as error:
            self.decide(f"{step.name} is not possible", str(error.cause or error))
            return None

    async def _carry_out(
        self,
        step: Step[Takes, Gives],
        what: Takes,
        why: str,
        until: datetime | None = None,
        unless: Callable[[], bool] | None = None,
    ) -> Gives:
        if self.interrupted():
            raise Ended
        handle = workflow.start_activity(
            step.name,
            what,
            result_type=step.gives,
            start_to_close_timeout=step.effort.attempt,
            schedule_to_close_timeout=_patience(step, until),
            retry_policy=step.effort.retry,
            # An attempt that runs is left to finish: one that were overtaken could put a measure
            # in force after everything had been lifted. Between attempts it ends at once.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=why,
        )
        await workflow.wait_condition(
            lambda: handle.done() or self.interrupted() or (unless is not None and unless())
        )
        if not handle.done():
            ended = self.interrupted()
            handle.cancel()
            await workflow.wait_condition(handle.done)
            if ended or self.interrupted():
                raise Ended
        return await handle  # type: ignore[no-any-return]

    # --- waiting -------------------------------------------------------------------------------

    async def happens(
        self,
        condition: Callable[[], bool],
        until: datetime | None,
        waiting_for: str,
        *,
        briefly: bool = False,
    ) -> bool:
        """Wait for a condition: True when it holds, False when `until` has come first.

        Raises `Ended` when a person ends the incident, and `TurnOver` when the history has become
        long. A wait in the middle of something is `briefly`, and never turned over.
        """
        while True:
            if self.interrupted():
                raise Ended
            if condition():
                return True
            if until is not None and workflow.now() >= until:
                return False
            if not briefly and self.must_turn_over():
                raise TurnOver
            if self.unrecorded():
                await self.keep_record()
                continue
            left = None if until is None else until - workflow.now()
            await self._woken(condition, left, waiting_for, briefly)

    async def _woken(
        self, condition: Callable[[], bool], left: timedelta | None, waiting_for: str, briefly: bool
    ) -> None:
        def woken() -> bool:
            turn_over = not briefly and self.must_turn_over()
            return condition() or self.interrupted() or self.unrecorded() or turn_over

        try:
            await workflow.wait_condition(woken, timeout=left, timeout_summary=waiting_for)
        except TimeoutError:
            return

    def interrupted(self) -> bool:
        """Whether a person has ended the incident, and setting it right has not begun."""
        return self.state.ending is not None and not self.state.setting_right

    def meanwhile(self, what: Coroutine[Any, Any, None]) -> None:
        """Have something go on beside the story."""
        task = asyncio.create_task(what)
        self.beside.add(task)
        task.add_done_callback(self.beside.discard)

    def must_turn_over(self) -> bool:
        if self.beside:
            return False
        info = workflow.info()
        long = info.get_current_history_length() >= TURN_OVER_AFTER
        return long or info.is_continue_as_new_suggested()

    async def ask(self, kind: TaskKind, detail: str) -> None:
        """Open a task for a person."""
        self.state.tasks += 1
        key = f"{self.case.incident}/task/{self.state.tasks}"
        what = AskPerson(incident=self.case.incident, key=key, kind=kind, detail=detail)
        await self.do(steps.ASK_PERSON, what, f"ask a person: {kind}")

    async def keep_record(self) -> Done:
        what = self.state.decisions[-1].what if self.state.decisions else "how it looks now"
        return await self.do(
            steps.KEEP_RECORD, KeepRecord(incident=self.case.incident), f"on record: {what}"
        )


def _patience(step: Step[Takes, Gives], until: datetime | None) -> timedelta | None:
    """How long a step may take altogether, where it also has to be over by a moment."""
    if until is None:
        return step.effort.altogether
    left = max(until - workflow.now(), timedelta(seconds=1))
    return left if step.effort.altogether is None else min(left, step.effort.altogether)
