"""What every chapter of an incident is told with: steps, decisions, waits, and how it looks."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.chronicle import Chronicle
    from domain.incident import Stage
    from domain.measures import Restriction
    from domain.news import News
    from domain.steps import Decision, Done, KeepRecord, View
    from workflows import steps
    from workflows.state import Case, State
    from workflows.steps import Step

Takes = TypeVar("Takes")
Gives = TypeVar("Gives")

CLIENT = SearchAttributeKey.for_keyword("PlazoClient")
SERVICE = SearchAttributeKey.for_keyword("PlazoService")
STAGE = SearchAttributeKey.for_keyword("PlazoStage")
OUTCOME = SearchAttributeKey.for_keyword("PlazoOutcome")
DEADLINE = SearchAttributeKey.for_datetime("PlazoDeadline")

TURN_OVER_AFTER = 2_000
"""History events after which a waiting incident continues as new; the server warns at 10,240."""


class Ended(ApplicationError):
    """A person has ended the incident; the chapter that runs stops where it stands."""

    def __init__(self) -> None:
        super().__init__("the incident has been ended by a person meanwhile", non_retryable=True)


class TurnOver(Exception):
    """The history is long enough: go on with the same state in a new run."""


class Story:
    """The incident's memory, and the few verbs that its chapters are made of."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.state: State = case.state
        self.shown: tuple[object, ...] | None = None
        self.recorded_view = case.state.views

    # --- doing ---------------------------------------------------------------------------------

    async def do(self, step: Step[Takes, Gives], what: Takes, why: str) -> Gives:
        """Carry out one step. Raises `Ended` if a person ends the incident meanwhile."""
        handle = workflow.start_activity(
            step.name,
            what,
            result_type=step.gives,
            start_to_close_timeout=step.effort.attempt,
            schedule_to_close_timeout=step.effort.altogether,
            retry_policy=step.effort.retry,
            summary=why,
        )
        await workflow.wait_condition(lambda: handle.done() or self.interrupted())
        if not handle.done():
            handle.cancel()
            raise Ended
        return await handle  # type: ignore[no-any-return]

    async def attempt(self, step: Step[Takes, Gives], what: Takes, why: str) -> Gives | None:
        """Like `do`, for a step that may turn out to be impossible: None then, with the reason."""
        try:
            return await self.do(step, what, why)
        except ActivityError as error:
            self.decide(f"{step.name} is not possible", str(error.cause or error))
            return None

    def decide(self, what: str, *reasons: str, by: str = "plazo") -> None:
        """Put a decision on record; the next step carries it to the audit chain."""
        state = self.state
        state.decided += 1
        decision = Decision(
            number=state.decided, at=workflow.now(), what=what, reasons=reasons, by=by
        )
        state.decisions = (*state.decisions, decision)

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
            await self._woken(condition, left, waiting_for)

    async def _woken(
        self, condition: Callable[[], bool], left: timedelta | None, waiting_for: str
    ) -> None:
        def woken() -> bool:
            called = self.interrupted() or self.unrecorded() or self.must_turn_over()
            return condition() or called

        try:
            await workflow.wait_condition(woken, timeout=left, timeout_summary=waiting_for)
        except TimeoutError:
            return

    def interrupted(self) -> bool:
        """Whether a person has ended the incident, and setting it right has not begun."""
        return self.state.ending is not None and not self.state.setting_right

    def must_turn_over(self) -> bool:
        info = workflow.info()
        long = info.get_current_history_length() >= TURN_OVER_AFTER
        return long or info.is_continue_as_new_suggested()

    # --- being seen ----------------------------------------------------------------------------

    def move_to(self, stage: Stage) -> None:
        """Enter a stage: on record, in search, and in the details that Temporal's UI shows."""
        self.state.stage = stage
        self.decide(f"stage: {stage}")
        self.show()

    def show(self) -> None:
        """Bring search attributes and current details up to date."""
        state = self.state
        state.views += 1
        looks = (state.stage, state.outcome, state.deadline)
        if looks != self.shown:
            updates: list[SearchAttributeUpdate[str] | SearchAttributeUpdate[datetime]] = [
                STAGE.value_set(state.stage),
            ]
            if state.outcome is not None:
                updates.append(OUTCOME.value_set(state.outcome))
            if state.deadline is not None:
                updates.append(DEADLINE.value_set(state.deadline))
            workflow.upsert_search_attributes(updates)
            self.shown = looks
        workflow.set_current_details(self.details())

    def details(self) -> str:
        """The incident in Markdown, for a reader of Temporal's UI."""
        state = self.state
        lines = [f"**Stage** {state.stage}", f"**Service** {self.case.service}"]
        lines.append(f"**Client** {self.case.client}")
        if state.deadline is not None:
            lines.append(f"**Deadline** {state.deadline:%Y-%m-%d %H:%M} UTC")
        lines.append(f"**Measure** {state.measure.restriction if state.measure else 'none'}")
        news = state.news
        lines.append(f"**Reports** {news.reports}, {news.volume} messages")
        lines.append(f"**Listed** {', '.join(news.listed) or 'nowhere'}")
        if state.plan is not None:
            lines += ["", "Why:", *(f"- {reason}" for reason in state.plan.reasons)]
        if state.outcome is not None:
            lines.insert(1, f"**Outcome** {state.outcome}")
        return "  \n".join(lines)

    @workflow.query(name="view", description="How the incident looks now")
    def view(self) -> View:
        """How the incident looks to pages and lists."""
        state = self.state
        conditions = tuple(state.plan.conditions) if state.plan is not None else ()
        return View(
            revision=state.views,
            stage=state.stage,
            outcome=state.outcome,
            deadline=state.deadline,
            measure=str(state.measure.restriction) if state.measure is not None else None,
            acknowledged=state.acknowledged,
            conditions=conditions,
            fixed_at=state.fixed_at,
            upcoming=self.upcoming(),
        )

    def upcoming(self) -> Restriction | None:
        """What follows when the deadline passes; None once a measure has been taken."""
        plan = self.state.plan
        if plan is None or self.state.deadline is None or self.state.last_restriction is not None:
            return None
        return next(iter(plan.preferred), None)

    # --- the record ----------------------------------------------------------------------------

    def chronicle(self) -> Chronicle:
        """What the next step carries (see `workflows/record.py`)."""
        return Chronicle(
            incident=self.case.incident, view=self.view(), decisions=self.state.decisions
        )

    def recorded(self, chronicle: Chronicle) -> None:
        """A step has put its chronicle on record: what it carried need not be carried again."""
        done = max((decision.number for decision in chronicle.decisions), default=0)
        self.state.decisions = tuple(d for d in self.state.decisions if d.number > done)
        self.recorded_view = max(self.recorded_view, chronicle.view.revision)

    def unrecorded(self) -> bool:
        return bool(self.state.decisions) or self.recorded_view < self.state.views

    async def keep_record(self) -> Done:
        what = self.state.decisions[-1].what if self.state.decisions else "how it looks now"
        return await self.do(
            steps.KEEP_RECORD, KeepRecord(incident=self.case.incident), f"on record: {what}"
        )

    # --- hearing -------------------------------------------------------------------------------

    @workflow.signal(name="news", description="Reports, listings and observations, coalesced")
    def hear(self, news: News) -> None:
        if news.revision <= self.state.news.revision:
            return
        self.state.news = news
        self.state.ever_listed = self.state.ever_listed or bool(news.listed)
        workflow.set_current_details(self.details())
