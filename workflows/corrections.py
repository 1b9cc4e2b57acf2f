"""What people do to an incident's charges: waive, credit, dispute, settle. The incident goes on."""

from temporalio import workflow

from workflows.clock import Clock

with workflow.unsafe.imports_passed_through():
    from domain.acts import Answer, Credit, Dispute, Settle, Waive, ours, unfit
    from domain.incident import Act, Refusal, admit
    from domain.steps import CreditCharge, DisputeCharge, SettleDispute, WaiveCharge
    from workflows import steps


class Corrections(Clock):
    """Updates about money, and what every Update is admitted and answered with."""

    def answer(self, said: str) -> Answer:
        deadline = self.state.deadline
        return Answer(
            said=said,
            stage=self.state.stage,
            deadline=None if deadline is None else deadline.isoformat(),
        )

    def admit(self, which: Act, what: object) -> None:
        if self.state.ending is not None:
            raise Refusal(which, self.state.stage, "it is being closed")
        admit(which, self.state.stage)
        if (why := unfit(what)) is not None:
            raise Refusal(which, self.state.stage, why)

    def needs(self, act: Act, **fields: str) -> None:
        for name, text in fields.items():
            if not text.strip():
                raise Refusal(act, self.state.stage, f"{name} is missing")

    # --- waive ---------------------------------------------------------------------------------

    @workflow.update(name=Act.WAIVE, description="Forgive one kind of charge")
    async def waive(self, act: Waive) -> Answer:
        self.decide(f"charge waived: {act.charge}", act.reason, by=act.by)
        await self.do(
            steps.WAIVE,
            WaiveCharge(incident=self.case.incident, kind=act.charge, by=act.by, reason=act.reason),
            f"waive the {act.charge} charge",
        )
        return self.answer(f"The {act.charge} charge is waived.")

    @waive.validator
    def _may_waive(self, act: Waive) -> None:
        self.admit(Act.WAIVE, act)
        self.needs(Act.WAIVE, reason=act.reason)

    # --- credit, dispute, settle ---------------------------------------------------------------

    @workflow.update(name=Act.CREDIT, description="Take back a part of one charge, or all of it")
    async def credit(self, act: Credit) -> Answer:
        how_much = "all that is left" if act.amount is None else str(act.amount)
        self.decide(f"credit {how_much} of {act.charge}", act.reason, by=act.by)
        what = CreditCharge(
            incident=self.case.incident,
            charge=act.charge,
            effect=str(self.state.decided),
            amount=act.amount,
            by=act.by,
            reason=act.reason,
        )
        await self.do(steps.CREDIT, what, f"credit {how_much} of {act.charge}")
        return self.answer(f"Credited: {how_much} of {act.charge}.")

    @credit.validator
    def _may_credit(self, act: Credit) -> None:
        self.may_correct(Act.CREDIT, act, act.charge, act.reason)

    @workflow.update(name=Act.DISPUTE, description="The client disputes a charge: it is not sent")
    async def dispute(self, act: Dispute) -> Answer:
        self.decide(f"disputed: {act.charge}", act.reason, by=act.by)
        what = DisputeCharge(
            incident=self.case.incident,
            charge=act.charge,
            effect=str(self.state.decided),
            by=act.by,
            reason=act.reason,
        )
        await self.do(steps.DISPUTE, what, f"put {act.charge} under dispute")
        return self.answer(f"{act.charge} is disputed; it is not sent until that is settled.")

    @dispute.validator
    def _may_dispute(self, act: Dispute) -> None:
        self.may_correct(Act.DISPUTE, act, act.charge, act.reason)

    @workflow.update(name=Act.SETTLE, description="End the dispute of a charge")
    async def settle(self, act: Settle) -> Answer:
        self.decide(f"settle the dispute of {act.charge}: {act.settlement}", act.reason, by=act.by)
        what = SettleDispute(
            incident=self.case.incident,
            charge=act.charge,
            effect=str(self.state.decided),
            settlement=act.settlement,
            amount=act.amount,
            by=act.by,
            reason=act.reason,
        )
        await self.do(steps.SETTLE, what, f"settle the dispute of {act.charge}")
        return self.answer(f"The dispute of {act.charge} is settled: {act.settlement}.")

    @settle.validator
    def _may_settle(self, act: Settle) -> None:
        self.may_correct(Act.SETTLE, act, act.charge, act.reason)

    def may_correct(self, which: Act, act: object, charge: str, reason: str) -> None:
        self.admit(which, act)
        self.needs(which, charge=charge, reason=reason)
        if not ours(self.case.incident, charge):
            raise Refusal(which, self.state.stage, f"{charge} is not a charge of this incident")
