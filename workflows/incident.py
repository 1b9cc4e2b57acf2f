"""One incident of outbound spam, from report to close. It reads as the policy reads."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

from workflows.acts import Acts
from workflows.delisting import Delisting
from workflows.story import Ended, TurnOver

with workflow.unsafe.imports_passed_through():
    from domain.incident import Outcome, Stage
    from domain.letters.notices import Notice
    from domain.measures import Measure
    from domain.steps import Assess, SetRight, TaskKind
    from workflows import steps
    from workflows.state import Case, Closed, Ending


@workflow.defn(name="IncidentWorkflow")
class IncidentWorkflow(Delisting, Acts):
    """Id `incident-<service>-<n>`. Started by its first report, ended by its last chapter."""

    @workflow.init
    def __init__(self, case: Case) -> None:
        super().__init__(case)

    @workflow.run
    async def run(self, case: Case) -> Closed:
        story = asyncio.create_task(self.tell())
        while not story.done():
            try:
                await workflow.wait_condition(story.done)
            except asyncio.CancelledError:
                self.withdraw("the workflow was cancelled through Temporal")
        await story
        if self.state.outcome is None:
            workflow.continue_as_new(self.case)
        return Closed(
            incident=case.incident, outcome=self.state.outcome, relapses=self.state.relapses
        )

    async def tell(self) -> None:
        """Chapter by chapter to the end, or to where the story goes on in a new run.

        A task of its own: a cancellation through Temporal reaches `run`, and so can leave no step
        half done and no measure in force.
        """
        self.show()
        try:
            while self.state.stage is not Stage.CLOSED:
                await self.chapter()
        except Ended:
            await self.set_right()
        except TurnOver:
            await workflow.wait_condition(workflow.all_handlers_finished)
            return
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self.beside)
        if self.unrecorded():
            await self.keep_record()

    def withdraw(self, why: str) -> None:
        """What cancelling the workflow means, unless a person has ended it already."""
        if self.state.ending is None and self.state.stage is not Stage.CLOSED:
            self.state.ending = Ending(outcome=Outcome.WITHDRAWN, by="temporal", reason=why)
            self.decide("withdrawn", why, by="temporal")

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
            await self.restrict(self.preferred())
            await self.notify_of_restriction()
        else:
            await self.contain()
            await self.tell_of_the_deadline()
        self.move_to(Stage.NOTIFIED)

    async def assess(self) -> None:
        state = self.state
        assessment = await self.do(
            steps.ASSESS, Assess(incident=self.case.incident), "gather the facts and decide"
        )
        state.plan = assessment.plan
        state.deadline = assessment.plan.deadline
        state.deadline_seconds = assessment.deadline_seconds
        state.channels = assessment.channels
        state.reminders = assessment.plan.reminders
        state.domain = assessment.domain
        state.listed_before = assessment.listed
        self.remember(assessment.listed)
        state.confirm_seconds = assessment.confirm_seconds
        state.verify_seconds = assessment.verify_seconds
        state.look_again_seconds = assessment.look_again_seconds
        if state.deadline is None:
            state.restricted_at = workflow.now()
        self.decide("assessed", *assessment.plan.reasons)
        self.show()

    # --- notified: the phone call --------------------------------------------------------------

    async def notified(self) -> None:
        assert self.state.plan is not None
        if self.state.plan.call:
            await self.ask(TaskKind.CALL_CLIENT, "call the client, and record what came of it")
        self.move_to(Stage.RESTRICTED if self.state.deadline is None else Stage.WAITING)

    # --- waiting: until it is fixed, or the wait is over ---------------------------------------

    async def waiting(self) -> None:
        if await self.remediated_in_time():
            self.move_to(Stage.VERIFYING)
            return
        self.under_restriction()
        await self.restrict(self.preferred())
        await self.notify_of_restriction()

    async def remediated_in_time(self) -> bool:
        """Wait out the deadline, with its reminders. False says, on record, why it is over."""
        state = self.state
        while state.fixed is None:
            over = self.why_the_wait_is_over()
            if over is not None:
                self.decide("the wait is over", over)
                state.escalation = None
                return False
            if state.untold:
                await self.until_told()
            elif state.deadline_moved:
                state.deadline_moved = False
                await self.notify(Notice.DEADLINE_MOVED)
            elif self.reminder_is_due():
                await self.notify(Notice.REMINDER)
            else:
                await self.client_or_clock()
        return True

    def reminder_is_due(self) -> bool:
        """Whether one is; those that were missed meanwhile are made up for by one letter."""
        now, before = workflow.now(), self.state.reminders
        self.state.reminders = tuple(moment for moment in before if moment > now)
        return self.state.reminders != before

    async def client_or_clock(self) -> None:
        state = self.state
        deadline = state.deadline
        assert deadline is not None
        if self.reckoning:
            await self.happens(
                lambda: not self.reckoning or self.nothing_to_wait_for(),
                None,
                "the moved deadline to be reckoned",
                briefly=True,
            )
            return
        await self.happens(
            lambda: bool(self.reckoning) or state.deadline_moved or self.nothing_to_wait_for(),
            min((deadline, *state.reminders)),
            f"the client has until {deadline:%Y-%m-%d %H:%M:%S} UTC",
        )

    # --- restricted: until the client says that it is fixed ------------------------------------

    def under_restriction(self) -> None:
        """The client has no more time: from now on, acts and letters are those of a restriction."""
        self.state.restricted_at = workflow.now()
        self.state.chased = 0
        self.move_to(Stage.RESTRICTED)

    async def notify_of_restriction(self) -> None:
        """With no measure in force there is nothing to tell but to act without delay."""
        self.state.restricted_at = workflow.now()
        self.state.chased = 0
        await self.notify(Notice.RESTRICTED if self.state.measure else Notice.DEADLINE)

    async def restricted(self) -> None:
        state = self.state
        follows = workflow.patched("measures-follow-offending-mail")
        while state.fixed is None:
            if state.escalation is not None:
                state.escalation = None
                if await self.restrict(self.preferred_after_the_last()):
                    await self.notify_of_restriction()
            if follows and (wider := self.wider()) is not None:
                await self.follow(wider)
                continue
            await self.answered_or_chased(follows=follows)
        self.move_to(Stage.VERIFYING)

    async def answered_or_chased(self, *, follows: bool) -> None:
        """Wait for the client; write again as often as the contract says, then ask a person."""
        state = self.state
        assert state.plan is not None
        assert state.restricted_at is not None
        spans = state.plan.chase_seconds
        chase = None
        if state.chased < len(spans):
            chase = state.restricted_at + timedelta(seconds=spans[state.chased])
        if await self.happens(
            lambda: (
                state.fixed is not None
                or state.escalation is not None
                or (follows and self.wider() is not None)
            ),
            chase,
            "the client to say that it is fixed",
        ):
            return
        state.chased += 1
        still = Notice.STILL_RESTRICTED if state.measure else Notice.DEADLINE
        if state.chased < len(spans):
            await self.notify(still)
            return
        silent = "acknowledged, but not fixed" if state.acknowledged else "no answer to any notice"
        self.decide("a person has to decide on the service", silent)
        await self.notify(still if state.acknowledged else Notice.FINAL_NOTICE)
        await self.ask(TaskKind.DECIDE_ON_SERVICE, f"{silent}: decide on ending the service")

    # --- verifying: look, lift, bill -----------------------------------------------------------

    async def verifying(self) -> None:
        if offences := await self.remedied():
            await self.back_to_the_client(offences)
            return
        state = self.state
        state.lifting = True
        state.escalation = None
        await self.lift()
        await self.bill()
        await self.notify(Notice.RELEASED)
        assert state.plan is not None
        state.probation_until = workflow.now() + timedelta(seconds=state.plan.probation_seconds)
        state.lifting = state.released_by_hand = False
        state.looks = 0
        self.move_to(Stage.DELISTING)

    async def back_to_the_client(self, offences: tuple[str, ...]) -> None:
        """With what time is left; under a restriction, with a measure in force if one holds."""
        state = self.state
        state.fixed = state.fixed_at = None
        self.decide("it is not fixed", *offences)
        if state.restricted_at is None:
            self.move_to(Stage.WAITING)
        else:
            self.under_restriction()
            if state.measure is None:
                await self.restrict(self.preferred())
        await self.notify(Notice.NOT_FIXED, *offences)

    # --- delisting: off every list -------------------------------------------------------------

    async def delisting(self) -> None:
        """Look at every list, at growing intervals, until no address is on any."""
        state = self.state
        while left := await self.still_listed():
            if not await self.happens(
                self._hears_otherwise(state.news.listed, left),
                self.next_look(),
                f"off the lists: {', '.join(left)}",
            ):
                state.looks = min(state.looks + 1, 10)
            if self.offended_since_fixed():
                await self.relapse("offending mail was sent after the release")
                return
        self.decide("no address is on any blocklist")
        # The listing watch may not have heard yet: what it still names is no new listing.
        state.listed_before = state.news.listed
        self.move_to(Stage.PROBATION)

    def _hears_otherwise(self, heard: tuple[str, ...], left: tuple[str, ...]) -> Callable[[], bool]:
        """New offending mail, or listings other than those heard of and those just looked up."""

        def otherwise() -> bool:
            listed = self.state.news.listed
            changed = listed != heard and set(listed) != set(left)
            return changed or self.offended_since_fixed()

        return otherwise

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
            return
        listed = (await self.check_lists()).listed
        if listed:
            await self.relapse(f"listed at the end of probation: {', '.join(listed)}")
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
        state.fixed = state.fixed_at = None
        self.decide("relapse", why)
        self.under_restriction()
        await self.restrict(self.last_then_the_others())
        await self.notify(Notice.RELAPSE if state.measure else Notice.DEADLINE, why)

    async def conclude(self, heard: int) -> None:
        """Close the books, unless news has come in meanwhile; then the final report."""
        state = self.state
        if (state.listings and not state.billed_listed) or self.may_be_metered():
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

    def may_be_metered(self) -> bool:
        """Whether a smarthost's last figures may have come after the bill."""
        assert self.state.plan is not None
        planned = (*self.state.plan.containment, *self.state.plan.preferred)
        return any(each.measure is Measure.SMARTHOST_REDIRECT for each in planned)

    # --- ended by a person ---------------------------------------------------------------------

    async def set_right(self) -> None:
        """A false positive or a withdrawal undoes everything; a termination leaves all in force."""
        state = self.state
        ending = state.ending
        assert ending is not None
        state.setting_right = True
        if ending.outcome is Outcome.TERMINATED:
            self.decide("measures stay in force until the service is gone", ending.reason)
            await self.bill()
        else:
            what = SetRight(incident=self.case.incident, reason=ending.reason)
            await self.do(steps.SET_RIGHT, what, f"set right: {ending.outcome}")
            await self.lifted()
        await self.finish(ending.outcome)
        state.outcome = ending.outcome
        self.move_to(Stage.CLOSED)
        wrong = ending.outcome is Outcome.FALSE_POSITIVE
        await self.notify(Notice.APOLOGY if wrong else Notice.ENDED, ending.reason)
