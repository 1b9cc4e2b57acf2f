"""What people and clients do to a running incident, and when it is refused."""

from dataclasses import replace

from temporalio import workflow

from workflows.corrections import Corrections

with workflow.unsafe.imports_passed_through():
    from domain.acts import (
        LONGEST_MOVE,
        MOST_MINUTES,
        Acknowledge,
        Answer,
        CallOutcome,
        Close,
        Contest,
        Escalate,
        FalsePositive,
        Fixed,
        KeptMail,
        MoveDeadline,
        Release,
        words_of,
    )
    from domain.incident import Act, Outcome, Refusal
    from domain.ladder import unmet
    from domain.steps import CompleteTasks, Lift, TaskKind
    from workflows import steps
    from workflows.state import Ending


class Acts(Corrections):
    """The incident's Updates. Each validator says why not; each handler says what was done."""

    # --- acknowledge ---------------------------------------------------------------------------

    @workflow.update(name=Act.ACKNOWLEDGE, description="The client has read the notice")
    async def acknowledge(self, act: Acknowledge) -> Answer:
        self.state.acknowledged = True
        self.decide("acknowledged", by=act.by)
        self.show()
        return self.answer("Thank you: it is on record that you have read this.")

    @acknowledge.validator
    def _may_acknowledge(self, act: Acknowledge) -> None:
        self.admit(Act.ACKNOWLEDGE, act)

    # --- fixed ---------------------------------------------------------------------------------

    @workflow.update(name=Act.FIXED, description="The cause is gone; what to do with held mail")
    async def fixed(self, act: Fixed) -> Answer:
        self.state.fixed = act
        self.state.fixed_at = workflow.now()
        self.state.acknowledged = True
        self.decide("the client says that it is fixed", *words_of(act), by=act.by)
        self.show()
        return self.answer("Recorded as fixed. It is being verified now.")

    @fixed.validator
    def _may_be_fixed(self, act: Fixed) -> None:
        self.admit(Act.FIXED, act)
        plan = self.state.plan
        if plan is None:
            raise Refusal(Act.FIXED, self.state.stage, "it is still being assessed")
        if left := unmet(plan.conditions, act.accepts):
            raise Refusal(Act.FIXED, self.state.stage, f"not accepted yet: {', '.join(left)}")

    # --- contest, kept mail --------------------------------------------------------------------

    @workflow.update(name=Act.CONTEST, description="The client says that the report is wrong")
    async def contest(self, act: Contest) -> Answer:
        self.state.acknowledged = True
        self.decide("the client says that the report is wrong", act.reason, by=act.by)
        self.show()
        await self.ask(TaskKind.CLIENT_CONTESTS, f"{act.by} says that it is wrong: {act.reason}")
        return self.answer("Recorded. A person looks at it; until then the deadline runs on.")

    @contest.validator
    def _may_contest(self, act: Contest) -> None:
        self.admit(Act.CONTEST, act)
        self.needs(Act.CONTEST, reason=act.reason)

    @workflow.update(name=Act.KEPT_MAIL, description="What becomes of mail that stayed held")
    async def kept_mail(self, act: KeptMail) -> Answer:
        self.decide("decided on mail that stayed held", *words_of(act), by=act.by)
        in_force = {measure.key for measure in self.state.asked}
        numbers = range(1, self.state.measures_asked + 1)
        asked = (f"{self.case.incident}/measure/{number}" for number in numbers)
        await self.do(
            steps.LIFT,
            Lift(
                incident=self.case.incident,
                keys=tuple(key for key in asked if key not in in_force),
                discard_senders=act.discard_senders,
                discard_messages=act.discard_messages,
                keep_offenders=False,
            ),
            "see to mail that stayed held",
        )
        return self.answer("The mail that stayed held is being seen to.")

    @kept_mail.validator
    def _may_decide_on_kept_mail(self, act: KeptMail) -> None:
        self.admit(Act.KEPT_MAIL, act)
        if not any(sighting.kept for sighting in self.state.news.sightings.values()):
            raise Refusal(Act.KEPT_MAIL, self.state.stage, "no mail has stayed held")

    # --- extend, shorten -----------------------------------------------------------------------

    @workflow.update(name=Act.EXTEND, description="A later deadline")
    async def extend(self, act: MoveDeadline) -> Answer:
        await self.move_deadline(Act.EXTEND, act, act.seconds)
        return self.answer("The deadline is extended.")

    @extend.validator
    def _may_extend(self, act: MoveDeadline) -> None:
        self.may_move(Act.EXTEND, act)

    @workflow.update(name=Act.SHORTEN, description="An earlier deadline")
    async def shorten(self, act: MoveDeadline) -> Answer:
        await self.move_deadline(Act.SHORTEN, act, -act.seconds)
        return self.answer("The deadline is shortened.")

    @shorten.validator
    def _may_shorten(self, act: MoveDeadline) -> None:
        self.may_move(Act.SHORTEN, act)

    def may_move(self, which: Act, act: MoveDeadline) -> None:
        self.admit(which, act)
        self.needs(which, reason=act.reason)
        if not 0 < act.seconds <= LONGEST_MOVE:
            raise Refusal(which, self.state.stage, "the hours must be more than none, and no year")
        if self.state.deadline is None:
            raise Refusal(which, self.state.stage, "this incident has no deadline")
        if self.state.untold:
            why = "its deadline has not begun: nobody has told the client yet"
            raise Refusal(which, self.state.stage, why)

    # --- escalate, release ---------------------------------------------------------------------

    @workflow.update(name=Act.ESCALATE, description="Restrict now, or take the next measure")
    async def escalate(self, act: Escalate) -> Answer:
        self.state.escalation = act.reason
        self.decide("escalated by a person", act.reason, by=act.by)
        return self.answer("Escalated.")

    @escalate.validator
    def _may_escalate(self, act: Escalate) -> None:
        self.admit(Act.ESCALATE, act)
        self.needs(Act.ESCALATE, reason=act.reason)

    @workflow.update(name=Act.RELEASE, description="Lift the measure by a person's decision")
    async def release(self, act: Release) -> Answer:
        said = self.state.fixed or Fixed(by=act.by)
        if act.deliver_everything or act.discard_senders or act.discard_messages:
            said = replace(
                said,
                answered=True,
                discard_senders=act.discard_senders,
                discard_messages=act.discard_messages,
            )
        self.state.fixed = replace(said, by=act.by, note=act.reason)
        self.state.fixed_at = workflow.now()
        self.state.released_by_hand = True
        self.decide("released by a person", *words_of(self.state.fixed), by=act.by)
        self.show()
        return self.answer("The measure is being lifted.")

    @release.validator
    def _may_release(self, act: Release) -> None:
        self.admit(Act.RELEASE, act)
        if self.state.lifting:
            raise Refusal(Act.RELEASE, self.state.stage, "it is being lifted already")
        self.needs(Act.RELEASE, reason=act.reason)

    # --- call outcome --------------------------------------------------------------------------

    @workflow.update(name=Act.CALL_OUTCOME, description="What came of the phone call")
    async def call_outcome(self, act: CallOutcome) -> Answer:
        reached = "reached" if act.reached else "not reached"
        self.decide(f"phone call: client {reached}", act.outcome, by=act.by)
        if act.reached:
            self.state.acknowledged = True
            self.state.told_at = workflow.now()
            self.show()
        await self.do(
            steps.COMPLETE_TASKS,
            CompleteTasks(
                incident=self.case.incident,
                kind=TaskKind.CALL_CLIENT,
                outcome=f"{reached}: {act.outcome}",
                by=act.by,
                minutes=act.minutes or None,
            ),
            "record the phone call",
        )
        return self.answer("The call is on record.")

    @call_outcome.validator
    def _may_tell_of_a_call(self, act: CallOutcome) -> None:
        self.admit(Act.CALL_OUTCOME, act)
        self.needs(Act.CALL_OUTCOME, outcome=act.outcome)
        if not 0 <= act.minutes <= MOST_MINUTES:
            why = f"a call takes from 0 to {MOST_MINUTES} minutes"
            raise Refusal(Act.CALL_OUTCOME, self.state.stage, why)

    # --- the two ways to end it ----------------------------------------------------------------

    @workflow.update(name=Act.FALSE_POSITIVE, description="There was no spam: set all right")
    async def false_positive(self, act: FalsePositive) -> Answer:
        self.state.ending = Ending(outcome=Outcome.FALSE_POSITIVE, by=act.by, reason=act.reason)
        self.decide("declared a false positive", act.reason, by=act.by)
        return self.answer("Everything is being lifted, and its charges voided.")

    @false_positive.validator
    def _may_be_false(self, act: FalsePositive) -> None:
        self.admit(Act.FALSE_POSITIVE, act)
        self.needs(Act.FALSE_POSITIVE, reason=act.reason)

    @workflow.update(name=Act.CLOSE, description="Withdraw it, or end it with the service")
    async def close(self, act: Close) -> Answer:
        self.state.ending = Ending(outcome=act.outcome, by=act.by, reason=act.reason)
        self.decide(f"closed by a person as {act.outcome}", act.reason, by=act.by)
        return self.answer(f"The incident is being closed as {act.outcome}.")

    @close.validator
    def _may_close(self, act: Close) -> None:
        self.admit(Act.CLOSE, act)
        self.needs(Act.CLOSE, reason=act.reason)
        if act.outcome not in (Outcome.WITHDRAWN, Outcome.TERMINATED):
            why = "a person closes as withdrawn or terminated; remediated comes by itself"
            raise Refusal(Act.CLOSE, self.state.stage, why)
