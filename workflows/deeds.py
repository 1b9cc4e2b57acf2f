"""What an incident does to the world: write to the client, restrict, lift, bill, look, ask."""

from datetime import timedelta

from temporalio import workflow

from workflows.telling import Telling

with workflow.unsafe.imports_passed_through():
    from domain.incident import Outcome, Stage
    from domain.letters.notices import Notice
    from domain.measures import Restriction
    from domain.news import Observed
    from domain.steps import (
        AskPerson,
        Bill,
        Finish,
        Impose,
        Lift,
        NearCap,
        SendNotice,
        TaskKind,
        Verify,
    )
    from workflows import steps
    from workflows.state import InForce


class Deeds(Telling):
    """Verbs of the policy, each one step or a few, with what to do when they do not succeed."""

    # --- measures ------------------------------------------------------------------------------

    async def contain(self) -> None:
        """Take the first containment that holds. Without one, the deadline runs all the same."""
        assert self.state.plan is not None
        for restriction in self.state.plan.containment:
            if await self.impose(restriction) or self.nothing_to_wait_for():
                return

    async def restrict(self, candidates: tuple[Restriction, ...]) -> bool:
        """Take the first of these measures that holds; where none does, a person has to act."""
        state = self.state
        before = state.measure
        for restriction in candidates:
            if await self.impose(restriction):
                state.last_restriction = restriction
                return True
        tried = ", ".join(map(str, candidates)) or "the contract has no other that can be aimed"
        self.decide("no measure took hold", f"tried: {tried}")
        if before is not None and state.measure is None:
            await self.impose(before.restriction)  # better the old one than none
        await self.ask(TaskKind.NO_MEASURE_TOOK_HOLD, f"act by hand; tried: {tried}")
        return False

    def preferred(self) -> tuple[Restriction, ...]:
        """The contract's measures, in its order."""
        assert self.state.plan is not None
        return self.state.plan.preferred

    def preferred_after_the_last(self) -> tuple[Restriction, ...]:
        """Those that follow the one taken last; all of them where none has been."""
        last, preferred = self.state.last_restriction, self.preferred()
        kinds = [(each.measure, each.scope) for each in preferred]
        if last is None or (last.measure, last.scope) not in kinds:
            return preferred
        return preferred[kinds.index((last.measure, last.scope)) + 1 :]

    def last_then_the_others(self) -> tuple[Restriction, ...]:
        """What a relapse restores: the measure that was in force, else the contract's order."""
        last, preferred = self.state.last_restriction, self.preferred()
        if last is None:
            return preferred
        kind = (last.measure, last.scope)
        return (last, *(other for other in preferred if (other.measure, other.scope) != kind))

    def wider(self) -> Restriction | None:
        """The measure in force on all that offending mail was seen from; None where it is so."""
        state = self.state
        if state.measure is None:
            return None
        beyond = set(state.out_of_reach)
        wider = state.measure.restriction.on(
            (each for each in state.news.addresses if each not in beyond),
            (each for each in state.news.domains if each not in beyond),
        )
        return None if wider == state.measure.restriction else wider

    async def follow(self, wider: Restriction) -> None:
        """Have the measure go after the mail; where it cannot, what holds stays, and a person acts.

        Addresses and domains are those of the incident's own service: nobody else is concerned.
        """
        state = self.state
        assert state.measure is not None
        new = [each for each in wider.targets if each not in state.measure.restriction.targets]
        self.decide(
            f"{state.measure.restriction} is widened",
            f"offending mail was seen from {', '.join(new)} too",
        )
        if not await self.restrict((wider,)):
            state.out_of_reach = (*state.out_of_reach, *new)

    async def impose(self, restriction: Restriction) -> bool:
        """Ask for one measure in place of all others, and wait until it is seen to hold."""
        state = self.state
        if state.measure is not None and state.measure.restriction == restriction:
            self.decide(f"{restriction} stays in force")
            return True
        state.measures_asked += 1
        key = f"{self.case.incident}/measure/{state.measures_asked}"
        earlier = tuple(measure.key for measure in state.asked)
        imposed = await self.attempt(
            steps.IMPOSE,
            Impose(
                incident=self.case.incident,
                key=key,
                restriction=restriction,
                instead_of=earlier,
            ),
            f"impose {restriction}",
        )
        if imposed is None:
            return False
        if not imposed.accepted:
            self.decide(f"{restriction} cannot be carried out", imposed.why)
            return False
        asked = InForce(key=key, restriction=restriction)
        state.asked = (*state.asked, asked)
        state.measure = None
        if not await self.seen(Observed.APPLIED, key, f"waiting to see {restriction} hold"):
            self.decide(f"{restriction} did not take hold", self.what_was_seen(key))
            return False
        state.measure = asked
        state.last_lifted = None
        self.decide(f"{restriction} is in force", self.what_was_seen(key))
        self.show()
        return True

    async def lift(self) -> None:
        """Lift every measure, with the client's word on held mail, and wait to see it done."""
        state = self.state
        if not state.asked:
            return
        fixed = state.fixed
        await self.do(
            steps.LIFT,
            Lift(
                incident=self.case.incident,
                keys=tuple(measure.key for measure in state.asked),
                discard_senders=fixed.discard_senders if fixed else (),
                discard_messages=fixed.discard_messages if fixed else (),
                keep_offenders=fixed is None or not fixed.answered,
            ),
            "lift every measure",
        )
        await self.lifted()

    async def lifted(self) -> None:
        """Wait until the host says that what held is lifted; ask a person where it does not."""
        state = self.state
        if state.measure is not None:
            restriction = state.measure.restriction
            if await self.seen(Observed.LIFTED, state.measure.key, f"{restriction} to be lifted"):
                self.decide(f"{restriction} is lifted", self.what_was_seen(state.measure.key))
            else:
                self.decide(f"no word yet that {restriction} is lifted")
                await self.ask(TaskKind.RELEASE_UNCONFIRMED, f"see to it: {restriction}")
            state.last_lifted = restriction
        await self.replaced_ones_lifted()
        state.asked = ()
        state.measure = None
        self.show()

    async def replaced_ones_lifted(self) -> None:
        """The measures that were asked for and are not in force may be, where nobody answers."""
        others = [each for each in self.state.asked if each != self.state.measure]

        def silent() -> list[InForce]:
            sightings = self.state.news.sightings
            return [
                each
                for each in others
                if each.key not in sightings or sightings[each.key].observed is not Observed.LIFTED
            ]

        until = workflow.now() + timedelta(seconds=self.state.confirm_seconds)
        waiting_for = "measures that did not hold to be lifted as well"
        if await self.happens(lambda: not silent(), until, waiting_for, briefly=True):
            return
        for each in silent():
            self.decide(f"no word yet that {each.restriction} is lifted")
            await self.ask(TaskKind.RELEASE_UNCONFIRMED, f"see to it: {each.restriction}")

    async def seen(self, what: Observed, key: str, waiting_for: str) -> bool:
        """Wait for the agent's word on a measure; False when it failed or says nothing in time.

        A client who is still to be told of a deadline must be left half of the time at least.
        """

        def word() -> Observed | None:
            sighting = self.state.news.sightings.get(key)
            return sighting.observed if sighting is not None else None

        patience = timedelta(seconds=self.state.confirm_seconds)
        deadline = self.deadline_ahead()
        if self.state.stage is Stage.OPEN and what is Observed.APPLIED and deadline is not None:
            patience = min(patience, (deadline - workflow.now()) / 2)
        self.watching = True
        try:
            await self.happens(
                lambda: word() in (what, Observed.FAILED) or self.nothing_to_wait_for(),
                workflow.now() + patience,
                waiting_for,
                briefly=True,
            )
        finally:
            self.watching = False
        return word() is what

    def what_was_seen(self, key: str) -> str:
        """The agent's own words on a measure, with its counts."""
        sighting = self.state.news.sightings.get(key)
        if sighting is None:
            return "the host said nothing in time"
        counts = (
            f"{count} {name}"
            for name, count in (
                ("held", sighting.held),
                ("delivered", sighting.delivered),
                ("discarded", sighting.discarded),
                ("kept", sighting.kept),
            )
            if count
        )
        return ", ".join(filter(None, (sighting.detail, *counts))) or str(sighting.observed)

    # --- looking, billing, closing -------------------------------------------------------------

    async def remedied(self) -> tuple[str, ...]:
        """Watch, then look: the reasons why it is not fixed, none where it is.

        A person who releases by hand answers for it, so nothing is awaited then.
        """
        state = self.state
        assert state.fixed_at is not None
        await self.happens(
            lambda: state.released_by_hand or self.offended_since_fixed(),
            state.fixed_at + timedelta(seconds=state.verify_seconds),
            "watching for offending mail",
        )
        if state.released_by_hand:
            return ()
        verified = await self.do(
            steps.VERIFY,
            Verify(incident=self.case.incident, since=state.fixed_at),
            "look for offending mail since it was said to be fixed",
        )
        return () if verified.clean or state.released_by_hand else verified.reasons

    def offended_since_fixed(self) -> bool:
        """Whether offending mail was sent after the client said that it was fixed."""
        last, fixed_at = self.state.news.last_sent_at, self.state.fixed_at
        return last is not None and fixed_at is not None and last > fixed_at

    async def bill(self) -> None:
        """Make every charge that the incident owes and does not have yet."""
        state = self.state
        accepted = state.fixed.accepts if state.fixed is not None else ()
        state.billed_listed = bool(state.listings)
        what = Bill(incident=self.case.incident, accepted=accepted)
        billed = await self.do(steps.BILL, what, "charge what is owed")
        while billed.near:  # there is a task about each, then, and they are near no more
            for cap in billed.near:
                await self.tell_of_cap(cap)
            billed = await self.do(steps.BILL, what, "charge what is owed, up to the cap")
        self.decide("charged" if billed.charges else "nothing to charge", *billed.charges)

    async def tell_of_cap(self, cap: NearCap) -> None:
        """Client and desk are told that it comes near, before it is passed; once for each cap."""
        self.decide("a cap of the contract comes near", cap.detail)
        await self.attempt(
            steps.SEND_NOTICE,
            SendNotice(
                incident=self.case.incident, key=f"{cap.key}/notice", notice=Notice.NEAR_CAP
            ),
            f"tell the client: {Notice.NEAR_CAP}",
        )
        what = AskPerson(
            incident=self.case.incident, key=cap.key, kind=TaskKind.NEAR_CAP, detail=cap.detail
        )
        await self.do(steps.ASK_PERSON, what, f"ask a person: {TaskKind.NEAR_CAP}")

    async def finish(self, outcome: Outcome, *, heard: int | None = None) -> bool:
        """Close the books; False when news has come in that the incident has not heard yet."""
        finished = await self.do(
            steps.FINISH,
            Finish(incident=self.case.incident, outcome=outcome, news_revision=heard),
            f"close the books: {outcome}",
        )
        return finished.closed
