"""What falls due by the calendar: months of dedicated addresses, and caps that come near.

A pass has no memory: which months are charged and who was told is in the book, by key. A pass that
was missed is made up for by the next one.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from domain.letters.notices import Notice
    from domain.money.charging import (
        CapsSeen,
        ChargeMonths,
        ChargePass,
        LookAtCaps,
        MonthsCharged,
        PassCharged,
    )
    from domain.steps import AskPerson, NearCap, SendNotice, TaskKind
    from workflows import steps
    from workflows.steps import Gives, Step, Takes

LOOK = Step("look_at_caps", LookAtCaps, CapsSeen)
MONTHS = Step("charge_months", ChargeMonths, MonthsCharged)


@workflow.defn(name="Charging")
class Charging:
    """First tells, then charges: a cap is never passed before client and desk know of it."""

    @workflow.run
    async def run(self, what: ChargePass) -> PassCharged:
        told = await self._tell_of_caps()
        return PassCharged(told=told, months=await self._charge_months())

    async def _tell_of_caps(self) -> int:
        told, after = 0, ""
        while True:
            seen = await self._step(LOOK, LookAtCaps(after=after), f"caps, after {after or 'none'}")
            for cap in seen.near:
                await self._tell(cap)
                told += 1
            if seen.after is None:
                return told
            after = seen.after

    async def _tell(self, cap: NearCap) -> None:
        """The task is opened last, and is what says that both were told."""
        letter = SendNotice(incident=cap.incident, key=f"{cap.key}/notice", notice=Notice.NEAR_CAP)
        try:
            await self._step(steps.SEND_NOTICE, letter, f"tell the client: {cap.detail}")
        except ActivityError as error:
            workflow.logger.warning("a client could not be told of a cap: %s", error.cause)
        task = AskPerson(
            incident=cap.incident, key=cap.key, kind=TaskKind.NEAR_CAP, detail=cap.detail
        )
        await self._step(steps.ASK_PERSON, task, f"ask a person: {cap.detail}")

    async def _charge_months(self) -> int:
        months, after = 0, ""
        while True:
            what = ChargeMonths(after=after)
            charged = await self._step(MONTHS, what, f"months, after {after or 'none'}")
            months += charged.months
            if charged.after is None:
                return months
            after = charged.after

    async def _step(self, step: Step[Takes, Gives], what: Takes, summary: str) -> Gives:
        given: Gives = await workflow.execute_activity(
            step.name,
            what,
            result_type=step.gives,
            start_to_close_timeout=step.effort.attempt,
            schedule_to_close_timeout=step.effort.altogether,
            retry_policy=step.effort.retry,
            summary=summary,
        )
        return given
