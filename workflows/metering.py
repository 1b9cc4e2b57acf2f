"""The metering: what smarthosts have counted is read, compared with the hosts' counts, and billed.

A pass has no memory: what was read is in the book, and what could not be is read by the next one.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.money.usage import (
        BilledLate,
        BillLate,
        MeterPass,
        PassMetered,
        Reconcile,
        Reconciled,
        Taken,
        TakeReadings,
    )
    from workflows.steps import BOOKS, Effort, Gives, Step, Takes

_SMARTHOST = Effort(attempt=timedelta(minutes=5), retry=BOOKS.retry)
"""Many questions to one API, with a time-out inside the attempt."""

TAKE = Step("take_readings", TakeReadings, Taken, _SMARTHOST)
RECONCILE = Step("reconcile_usage", Reconcile, Reconciled)
BILL_LATE = Step("bill_late_usage", BillLate, BilledLate, _SMARTHOST)


@workflow.defn(name="Metering")
class Metering:
    """Reads, compares, bills."""

    @workflow.run
    async def run(self, what: MeterPass) -> PassMetered:
        taken = await self._step(TAKE, TakeReadings(), "ask the smarthost")
        reconciled = await self._step(RECONCILE, Reconcile(), "compare with the hosts' counts")
        billed = await self._step(BILL_LATE, BillLate(), "bill what came late")
        return PassMetered(taken=taken, reconciled=reconciled, billed=billed)

    async def _step(self, step: Step[Takes, Gives], what: Takes, summary: str) -> Gives:
        given: Gives = await workflow.execute_activity(
            step.name,
            what,
            result_type=step.gives,
            start_to_close_timeout=step.effort.attempt,
            retry_policy=step.effort.retry,
            summary=summary,
        )
        return given
