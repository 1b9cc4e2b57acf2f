"""The steps that only read and write the book of record.

What is one statement, or only reads, needs no transaction of its own.
"""

import asyncio
import logging
from dataclasses import dataclass

from asyncpg import Pool
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.smarthosts.port import Meter, NoFigures
from book import incidents, ledger, measures, tasks, usage
from book.database import transaction
from domain.measures import Measure, Restriction
from domain.steps import (
    AskPerson,
    Bill,
    Billed,
    CompleteTasks,
    Done,
    Finish,
    Finished,
    Impose,
    Imposed,
    KeepRecord,
    Lift,
    Moments,
    Reckon,
    SetRight,
    Verified,
    Verify,
    WaiveCharge,
)
from domain.units import Hours

log = logging.getLogger("plazo.worker")

_METER_SECONDS = 15.0
"""Longest to wait for a smarthost's figures: half of what a step's attempt may take."""


@dataclass(frozen=True)
class Books:
    """Verbs on `pool`. `smarthost` is the address that redirected mail goes through.

    `meter` reads the smarthost's own usage figures, where it has any.
    """

    pool: Pool
    smarthost: str | None = None
    meter: Meter | None = None

    @activity.defn(name="impose_measure")
    async def impose_measure(self, what: Impose) -> Imposed:
        """Write down that a measure is wanted; its host's agent brings it about."""
        if what.restriction.measure is Measure.SMARTHOST_REDIRECT and self.smarthost is None:
            return Imposed(accepted=False, why="no smarthost is set up (PLAZO_SMARTHOST)")
        async with transaction(self.pool) as connection:
            who = await incidents.parties(connection, what.incident)
            why = await measures.impose(
                connection,
                what.incident,
                what.key,
                what.restriction,
                who.service,
                self._parameters(what.restriction, who.contract.hourly_limit),
                what.instead_of,
            )
        return Imposed(accepted=why is None, why=why or "")

    def _parameters(self, restriction: Restriction, hourly_limit: int) -> dict[str, object]:
        match restriction.measure:
            case Measure.SMARTHOST_REDIRECT:
                return {"smarthost": self.smarthost}
            case Measure.RATE_LIMIT:
                return {"hourly_limit": hourly_limit}
            case _:
                return {}

    @activity.defn(name="lift_measures")
    async def lift_measures(self, what: Lift) -> Done:
        """Write down that measures are to end, and what is to become of the mail they hold."""
        async with transaction(self.pool) as connection:
            keep: tuple[str, ...] = ()
            if what.keep_offenders:
                keep = await incidents.offenders(connection, what.incident)
                # Reports that name nobody leave everybody under suspicion.
                keep = keep or await measures.held_senders(connection, what.keys)
            await measures.lift(
                connection,
                what.incident,
                what.keys,
                discard_senders=what.discard_senders,
                discard_messages=what.discard_messages,
                keep_senders=keep,
            )
        return Done()

    @activity.defn(name="set_right")
    async def set_right(self, what: SetRight) -> Done:
        """Lift everything for good, deliver what is held, void the charges."""
        async with transaction(self.pool) as connection:
            await measures.lift_for_good(connection, what.incident)
            await ledger.void(connection, what.incident, "plazo", what.reason)
        return Done()

    @activity.defn(name="ask_person")
    async def ask_person(self, what: AskPerson) -> Done:
        """Open a task for a person."""
        async with self.pool.acquire() as connection:
            await tasks.open_task(connection, what.incident, what.key, what.kind, what.detail)
        return Done()

    @activity.defn(name="complete_tasks")
    async def complete_tasks(self, what: CompleteTasks) -> Done:
        """Mark a person's tasks of one kind as done."""
        async with self.pool.acquire() as connection:
            await tasks.complete(connection, what.incident, what.kind, what.outcome)
        return Done()

    @activity.defn(name="reckon_deadline")
    async def reckon_deadline(self, what: Reckon) -> Moments:
        """Move a deadline in the contract's calendar, and its reminders with it."""
        async with self.pool.acquire() as connection:
            contract = (await incidents.parties(connection, what.incident)).contract
        move = contract.calendar.after if what.seconds >= 0 else contract.calendar.before
        try:
            deadline = move(what.start, Hours(abs(what.seconds)))
            reminders = [contract.calendar.before(deadline, span) for span in contract.reminders]
        except (ValueError, OverflowError) as error:
            raise ApplicationError(str(error), type="NoSuchDeadline", non_retryable=True) from error
        return Moments(deadline=deadline, reminders=tuple(sorted(reminders)))

    @activity.defn(name="verify_remedy")
    async def verify_remedy(self, what: Verify) -> Verified:
        """Look for offending mail sent since the client said that it was fixed."""
        async with self.pool.acquire() as connection:
            reasons = await incidents.offences_since(connection, what.incident, what.since)
        return Verified(clean=not reasons, reasons=reasons)

    @activity.defn(name="record_charges")
    async def record_charges(self, what: Bill) -> Billed:
        """Charge what is owed and not charged yet."""
        figures = await self._figures(what.incident)
        async with transaction(self.pool) as connection:
            who = await incidents.parties(connection, what.incident)
            for key, relayed in figures.items():
                await usage.meter(connection, key, relayed)
            return Billed(charges=await ledger.charge(connection, who, what.accepted))

    async def _figures(self, incident: str) -> dict[str, int]:
        """By measure key. An incident goes on without them; its last bill asks once more."""
        if self.meter is None or self.smarthost is None:
            return {}
        async with self.pool.acquire() as connection:
            redirects = await usage.redirected(connection, incident, self.smarthost)
        figures: dict[str, int] = {}
        try:
            async with asyncio.timeout(_METER_SECONDS):
                for each in redirects:
                    relayed = await self.meter.relayed(each.host, each.since, each.until)
                    figures[each.key] = relayed
        except (NoFigures, TimeoutError) as error:
            why = str(error) or f"no answer within {_METER_SECONDS:.0f} s"
            log.warning("no usage figures", extra={"incident": incident, "why": why})
        return figures

    @activity.defn(name="waive_charge")
    async def waive_charge(self, what: WaiveCharge) -> Done:
        """Forgive one kind of charge."""
        async with transaction(self.pool) as connection:
            await ledger.waive(connection, what.incident, what.kind, what.by, what.reason)
        return Done()

    @activity.defn(name="keep_record")
    async def keep_record(self, what: KeepRecord) -> Done:
        """Nothing but what every step does: the interceptor has put the decisions on record."""
        return Done()

    @activity.defn(name="close_incident")
    async def close_incident(self, what: Finish) -> Finished:
        """Close the books, unless news came in at the last moment."""
        async with transaction(self.pool) as connection:
            closed = await incidents.close(
                connection, what.incident, what.outcome, what.news_revision
            )
        return Finished(closed=closed)
