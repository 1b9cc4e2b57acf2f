"""One incident of outbound spam, from report to close. It reads as the policy reads."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.acts import Acts
from workflows.deeds import Deeds
from workflows.story import Ended, TurnOver

with workflow.unsafe.imports_passed_through():
    from domain.incident import Outcome, Stage
    from domain.notices import Notice
    from domain.steps import Assess, SetRight, TaskKind
    from workflows import steps
    from workflows.state import Case, Closed, Ending

FIRST_LOOK_AGAIN = timedelta(hours=1)
LONGEST_BETWEEN_LOOKS = timedelta(hours=24)
"""Most lists take hours to drop an address; asking more often than daily after a week is rude."""


@workflow.defn(name="IncidentWorkflow", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class IncidentWorkflow(Deeds, Acts):
    """Id `incident-<service>-<n>`. Started by its first report, ended by its last chapter."""

    @workflow.init
    def __init__(self, case: Case) -> None:
        super().__init__(case)

    @workflow.run
    async def run(self, case: Case) -> Closed:
        self.show()
        try:
            while self.state.stage is not Stage.CLOSED:
                await self.chapter()
        except Ended:
            await self.set_right()
        except asyncio.CancelledError:
            self.state.ending = Ending(
                outcome=Outcome.WITHDRAWN, by="temporal", reason="the workflow was cancelled"
            )
            self.decide("withdrawn: the workflow was cancelled through Temporal")
            await self.set_right()
        except TurnOver:
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(case)
        await workflow.wait_condition(workflow.all_handlers_finished)
        assert self.state.outcome is not None
        return Closed(
            incident=case.incident, outcome=self.state.outcome, relapses=self.state.relapses
        )

    async def chapter(self) -> None:
        """Tell the chapter that the stage asks for; each ends by moving to another stage."""
        chapters: dict[Stage, Callable[[], Awaitable[None]]] = {
            Stage.OPEN: self.opened,
            Stage.NOTIFIED: self.notified,
            Stage.WAITING: self.waiting,
            Stage.RESTRICTED: self.restricted,
            Stage.VERIFYING: self.verifying,
            Stage.DELISTING: self.delisting,
            Stage.PROBATION: self.probation,
        }
        await chapters[self.state.stage]()

    # --- open: assess, contain or restrict, notify ---------------------------------------------

    async def opened(self) -> None:
        await self.assess()
        if self.state.deadline is None:
            await self.restrict()
            await self.notify_of_restriction()
        else:
            await self.contain()
            await self.notify(Notice.DEADLINE)
        self.move_to(Stage.NOTIFIED)

    async def assess(self) -> None:
        state = self.state
        assessment = await self.do(
            steps.ASSESS, Assess(incident=self.case.incident), "gather the facts and decide"
        )
        state.plan = assessment.plan
        state.deadline = assessment.plan.deadline
        state.reminders = assessment.plan.reminders
        state.domain = assessment.domain
        state.listed_before = assessment.listed
        state.ever_listed = state.ever_listed or bool(assessment.listed)
        state.confirm_seconds = assessment.confirm_seconds
        state.verify_seconds = assessment.verify_seconds
        self.decide("assessed", *assessment.plan.reasons)

    # --- notified: the phone call --------------------------------------------------------------

    async def notified(self) -> None:
        assert self.state.plan is not None
        if self.state.plan.call and not self.state.acknowledged:
            await self.ask(TaskKind.CALL_CLIENT, "call the client, and record what came of it")
        self.move_to(Stage.RESTRICTED if self.state.deadline is None else Stage.WAITING)

    # --- waiting: until it is fixed, or the wait is over ---------------------------------------

    async def waiting(self) -> None:
        if await self.remediated_in_time():
            self.move_to(Stage.VERIFYING)
            return
        await self.restrict()
        await self.notify_of_restriction()
        self.move_to(Stage.RESTRICTED)

    async def remediated_in_time(self) -> bool:
        """Wait out the deadline, with its reminders. False says, on record, why it is over."""
        state = self.state
        while state.fixed is None:
            over = self.why_the_wait_is_over()
            if over is not None:
                self.decide("the wait is over", over)
                state.escalation = None
                return False
            if state.deadline_moved:
                state.deadline_moved = False
                await self.notify(Notice.DEADLINE_MOVED)
                continue
            await self.client_or_clock()
        return True

    async def client_or_clock(self) -> None:
        state = self.state
        deadline = state.deadline
        assert deadline is not None
        reminder = next(iter(state.reminders), None)
        woken = await self.happens(
            lambda: (
                state.fixed is not None
                or state.deadline_moved
                or self.why_the_wait_is_over() is not None
            ),
            min(deadline, reminder) if reminder is not None else deadline,
            f"the client has until {deadline:%Y-%m-%d %H:%M:%S} UTC",
        )
        if not woken and reminder is not None and workflow.now() < deadline:
            state.reminders = state.reminders[1:]
            await self.notify(Notice.REMINDER)

    def why_the_wait_is_over(self) -> str | None:
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
        if workflow.now() >= deadline:
            return f"the deadline of {deadline:%Y-%m-%d %H:%M:%S} UTC has passed"
        return None

    # --- restricted: until the client says that it is fixed ------------------------------------

    async def notify_of_restriction(self) -> None:
        self.state.restricted_at = workflow.now()
        self.state.chased = 0
        if self.state.measure is not None:
            await self.notify(Notice.RESTRICTED)

    async def restricted(self) -> None:
        state = self.state
        if state.restricted_at is None:
            state.restricted_at = workflow.now()
        while state.fixed is None:
            if state.escalation is not None:
                state.escalation = None
                await self.restrict(after=state.last_restriction)
                await self.notify_of_restriction()
            await self.answered_or_chased()
        self.move_to(Stage.VERIFYING)

    async def answered_or_chased(self) -> None:
        """Wait for the client; write again as often as the contract says, then ask a person."""
        state = self.state
        assert state.plan is not None
        assert state.restricted_at is not None
        spans = state.plan.chase_seconds
        chase = None
        if state.chased < len(spans):
            chase = state.restricted_at + timedelta(seconds=spans[state.chased])
        if await self.happens(
            lambda: state.fixed is not None or state.escalation is not None,
            chase,
            "the client to say that it is fixed",
        ):
            return
        state.chased += 1
        if state.chased < len(spans):
            await self.notify(Notice.STILL_RESTRICTED)
            return
        silent = "acknowledged, but not fixed" if state.acknowledged else "no answer to any notice"
        self.decide("a person has to decide on the service", silent)
        await self.notify(Notice.STILL_RESTRICTED if state.acknowledged else Notice.FINAL_NOTICE)
        await self.ask(TaskKind.DECIDE_ON_SERVICE, f"{silent}: decide on ending the service")

    # --- verifying: look, lift, bill -----------------------------------------------------------

    async def verifying(self) -> None:
        state = self.state
        if not state.released_by_hand:
            offences = await self.remedied()
            if offences and not state.released_by_hand:
                await self.back_to_the_client(offences)
                return
        await self.lift()
        await self.bill()
        await self.notify(Notice.RELEASED)
        assert state.plan is not None
        state.probation_until = workflow.now() + timedelta(seconds=state.plan.probation_seconds)
        state.released_by_hand = False
        self.move_to(Stage.DELISTING)

    async def back_to_the_client(self, offences: tuple[str, ...]) -> None:
        state = self.state
        state.fixed = None
        self.decide("it is not fixed", *offences)
        await self.notify(Notice.NOT_FIXED, *offences)
        under_restriction = state.deadline is None or state.last_restriction is not None
        self.move_to(Stage.RESTRICTED if under_restriction else Stage.WAITING)

    # --- delisting: off every list -------------------------------------------------------------

    async def delisting(self) -> None:
        """Look at every list, at growing intervals, until no address is on any."""
        state = self.state
        pause = FIRST_LOOK_AGAIN
        while left := await self.check_lists():
            state.listed_before = tuple(sorted({*state.listed_before, *left, *state.news.listed}))
            if state.ever_listed and not state.delisting_asked:
                state.delisting_asked = True
                await self.ask(TaskKind.REQUEST_DELISTING, f"request removal: {', '.join(left)}")
            await self.happens(
                self._changed_since(state.news.listed),
                workflow.now() + pause,
                f"off the lists: {', '.join(left)}",
            )
            if self.offended_since_fixed():
                await self.relapse("offending mail was sent after the release")
                return
            pause = min(pause * 2, LONGEST_BETWEEN_LOOKS)
        self.decide("no address is on any blocklist")
        state.listed_before = ()
        self.move_to(Stage.PROBATION)

    def _changed_since(self, listed: tuple[str, ...]) -> Callable[[], bool]:
        return lambda: self.offended_since_fixed() or self.state.news.listed != listed

    # --- probation: no relapse, then close -----------------------------------------------------

    async def probation(self) -> None:
        state = self.state
        await self.happens(
            lambda: self.why_it_is_a_relapse() is not None,
            state.probation_until,
            "probation: no new reports or listings",
        )
        heard = state.news.revision
        relapse = self.why_it_is_a_relapse()
        if relapse is not None:
            await self.relapse(relapse)
        elif await self.check_lists():
            self.decide("listed at the end of probation: back to delisting")
            self.move_to(Stage.DELISTING)
        else:
            await self.conclude(heard)

    def why_it_is_a_relapse(self) -> str | None:
        if self.offended_since_fixed():
            return "offending mail was sent after the release"
        if new := sorted(set(self.state.news.listed) - set(self.state.listed_before)):
            return f"listed in probation: {', '.join(new)}"
        return None

    async def relapse(self, why: str) -> None:
        """Put the measure back at once: the same incident, and no new deadline."""
        state = self.state
        state.relapses += 1
        state.fixed = None
        self.decide("relapse", why)
        last = state.last_restriction
        if last is None or not await self.impose(last):
            await self.restrict(after=last)
        elif last is not None:
            state.last_restriction = last
        state.restricted_at = workflow.now()
        state.chased = 0
        await self.notify(Notice.RELAPSE, why)
        self.move_to(Stage.RESTRICTED)

    async def conclude(self, heard: int) -> None:
        """Close the books, unless news has come in meanwhile; then the final report."""
        state = self.state
        if state.ever_listed and not state.billed_listed:
            await self.bill()
        if not await self.finish(Outcome.REMEDIATED, heard=heard):
            self.decide("not closed: news came in at the last moment")
            await self.happens(
                lambda: state.news.revision > heard, None, "the news that came in", briefly=True
            )
            return
        state.outcome = Outcome.REMEDIATED
        self.move_to(Stage.CLOSED)
        await self.notify(Notice.FINAL_REPORT)

    # --- ended by a person ---------------------------------------------------------------------

    async def set_right(self) -> None:
        """A false positive or a withdrawal undoes everything; a termination leaves all in force."""
        state = self.state
        ending = state.ending
        assert ending is not None
        state.setting_right = True
        if ending.outcome is Outcome.TERMINATED:
            self.decide("measures stay in force until the service is gone", ending.reason)
        else:
            what = SetRight(incident=self.case.incident, reason=ending.reason)
            await self.do(steps.SET_RIGHT, what, f"set right: {ending.outcome}")
            await self.lifted()
        await self.finish(ending.outcome)
        state.outcome = ending.outcome
        self.move_to(Stage.CLOSED)
        wrong = ending.outcome is Outcome.FALSE_POSITIVE
        await self.notify(Notice.APOLOGY if wrong else Notice.ENDED, ending.reason)
