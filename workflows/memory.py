"""What an incident remembers and hears, how it looks, and what of it is on record."""

from datetime import datetime

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from domain.chronicle import Chronicle
    from domain.incident import Stage
    from domain.measures import Restriction
    from domain.news import News, Observed
    from domain.steps import Decision, View
    from workflows.state import Case, State

CLIENT = SearchAttributeKey.for_keyword("PlazoClient")
SERVICE = SearchAttributeKey.for_keyword("PlazoService")
STAGE = SearchAttributeKey.for_keyword("PlazoStage")
OUTCOME = SearchAttributeKey.for_keyword("PlazoOutcome")
DEADLINE = SearchAttributeKey.for_datetime("PlazoDeadline")
"""The first two are given when the incident is started; the others follow it."""


class Memory:
    """The incident's state, with what may be said of it to those outside."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.state: State = case.state
        self.shown: tuple[object, ...] | None = None
        self.recorded_view = case.state.views
        self.on_their_way: list[Chronicle] = []
        self.watching = False
        """Whether a step waits for the word on a measure, and puts it on record itself."""

    def decide(self, what: str, *reasons: str, by: str = "plazo") -> None:
        """Put a decision on record; the next step carries it to the audit chain."""
        state = self.state
        state.decided += 1
        decision = Decision(
            number=state.decided, at=workflow.now(), what=what, reasons=reasons, by=by
        )
        state.decisions = (*state.decisions, decision)

    # --- hearing -------------------------------------------------------------------------------

    @workflow.signal(name="news", description="Reports, listings and observations, coalesced")
    def hear(self, news: News) -> None:
        if news.revision <= self.state.news.revision:
            return
        self.state.news = news
        self.remember(news.listed)
        self.see_what_holds()
        if self.state.stage is Stage.PROBATION:  # off the list, and on it again, is a relapse
            known = set(self.state.listed_before) & set(news.listed)
            self.state.listed_before = tuple(sorted(known))
        workflow.set_current_details(self.details())

    def remember(self, listed: tuple[str, ...]) -> None:
        """Listings, so that each is seen off its list before the incident closes."""
        self.state.listings = tuple(sorted({*self.state.listings, *listed}))

    def see_what_holds(self) -> None:
        """A host may report late that the measure asked for last holds after all."""
        state = self.state
        if self.watching or state.measure is not None or not state.asked:
            return
        latest = state.asked[-1]
        sighting = state.news.sightings.get(latest.key)
        if sighting is not None and sighting.observed is Observed.APPLIED:
            state.measure = latest
            self.decide(f"{latest.restriction} is in force after all", sighting.detail)
            self.show()

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
        if state.untold:
            lines.append("**Deadline** begins when somebody has told the client")
        elif state.deadline is not None:
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
            deadline=None if state.untold else state.deadline,
            measure=str(state.measure.restriction) if state.measure is not None else None,
            acknowledged=state.acknowledged,
            conditions=conditions,
            fixed_at=state.fixed_at,
            upcoming=self.upcoming(),
        )

    def upcoming(self) -> Restriction | None:
        """What follows when the deadline passes; None once it has, or once it was fixed."""
        plan = self.state.plan
        if plan is None or self.deadline_ahead() is None:
            return None
        return next(iter(plan.preferred), None)

    def deadline_ahead(self) -> datetime | None:
        """The deadline while it counts: not before the client was told, nor under a restriction,
        nor once the cause is gone."""
        gone = self.state.stage in (Stage.DELISTING, Stage.PROBATION, Stage.CLOSED)
        if gone or self.state.untold or self.state.restricted_at is not None:
            return None
        return self.state.deadline

    def came_back(self) -> tuple[str, ...]:
        """Letters that have bounced and were not followed up yet, by key."""
        return tuple(sorted(set(self.state.news.bounced) - set(self.state.bounces_seen)))

    # --- the record ----------------------------------------------------------------------------

    def chronicle(self) -> Chronicle:
        """What the next step carries (see `workflows/record.py`)."""
        return Chronicle(
            incident=self.case.incident, view=self.view(), decisions=self.state.decisions
        )

    def carried(self, chronicle: Chronicle) -> None:
        """A step has set out with this chronicle."""
        self.on_their_way.append(chronicle)

    def arrived(self, chronicle: Chronicle, *, recorded: bool) -> None:
        """The step is over. What it put on record need not be carried again."""
        self.on_their_way.remove(chronicle)
        if not recorded:
            return
        done = _last(chronicle)
        self.state.decisions = tuple(d for d in self.state.decisions if d.number > done)
        self.recorded_view = max(self.recorded_view, chronicle.view.revision)

    def unrecorded(self) -> bool:
        """Whether something is neither on record nor on its way there."""
        decided = max((decision.number for decision in self.state.decisions), default=0)
        carried = max(map(_last, self.on_their_way), default=0)
        seen = (chronicle.view.revision for chronicle in self.on_their_way)
        return decided > carried or max((self.recorded_view, *seen)) < self.state.views


def _last(chronicle: Chronicle) -> int:
    """The number of the last decision that it carries."""
    return max((decision.number for decision in chronicle.decisions), default=0)
