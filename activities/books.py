"""The steps that only read and write the book of record.

What is one statement, or only reads, needs no transaction of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from asyncpg import Connection, Pool
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.smarthosts.port import Meter
from activities.smarthosts.reading import read_due
from book.database import transaction
from book.incident import incidents, measures, tasks
from book.money import bills, corrections, usage
from book.money.ledger import Refused
from domain.measures import Measure, Restriction
from domain.money.costs import ChargeKind, Room
from domain.steps import (
    AskPerson,
    Bill,
    Billed,
    CompleteTasks,
    CreditCharge,
    DisputeCharge,
    Done,
    Finish,
    Finished,
    Impose,
    Imposed,
    KeepRecord,
    Lift,
    Moments,
    NearCap,
    Reckon,
    SetRight,
    SettleDispute,
    Verified,
    Verify,
    WaiveCharge,
)
from domain.units import Hours

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
                if self.meter is None:
                    return {"smarthost": self.smarthost}
                # By whom it is metered is settled as it begins.
                return {"smarthost": self.smarthost, "meter": self.meter.kind}
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
            await corrections.void(connection, what.incident, "plazo", what.reason)
        return Done()

    @activity.defn(name="ask_person")
    async def ask_person(self, what: AskPerson) -> Done:
        """Open a task for a person."""
        async with self.pool.acquire() as connection:
            await tasks.open_task(connection, what.incident, what.key, what.kind, what.detail)
        return Done()

    @activity.defn(name="complete_tasks")
    async def complete_tasks(self, what: CompleteTasks) -> Done:
        """Mark a person's tasks of one kind as done, and charge the minutes that they took."""
        async with transaction(self.pool) as connection:
            await tasks.complete(
                connection, what.incident, what.kind, what.outcome, by=what.by, minutes=what.minutes
            )
            if what.minutes:
                who = await incidents.parties(connection, what.incident)
                await bills.charge_only(connection, who, ChargeKind.STAFF_TIME)
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
        """Charge what is owed and not charged yet; not before those near a cap have been told."""
        await self._read_figures(what.incident)
        async with transaction(self.pool) as connection:
            who = await incidents.parties(connection, what.incident)
            near = await bills.near_caps(connection, who, what.accepted)
            if near:
                told = tuple(near_cap(room, what.incident) for room in near)
                return Billed(charges=(), near=told)
            return Billed(charges=await bills.charge(connection, who, what.accepted))

    async def _read_figures(self, incident: str) -> None:
        """An incident goes on without them: they are read later, and billed then."""
        if self.meter is None:
            return
        async with self.pool.acquire() as connection:
            hosts = await usage.hosts_of(connection, incident)
        await read_due(self.pool, self.meter, seconds=_METER_SECONDS, hosts=hosts)

    @activity.defn(name="waive_charge")
    async def waive_charge(self, what: WaiveCharge) -> Done:
        """Forgive one kind of charge."""
        async with transaction(self.pool) as connection:
            await corrections.waive(connection, what.incident, what.kind, what.by, what.reason)
        return Done()

    @activity.defn(name="credit_charge")
    async def credit_charge(self, what: CreditCharge) -> Done:
        """Take back a part of one charge, or all of it."""
        async with self._correcting() as connection:
            await corrections.credit(
                connection, what.charge, what.amount, what.by, what.reason, effect=what.effect
            )
        return Done()

    @activity.defn(name="dispute_charge")
    async def dispute_charge(self, what: DisputeCharge) -> Done:
        """Hold one charge back until its dispute is settled."""
        async with self._correcting() as connection:
            await corrections.dispute(
                connection, what.charge, what.by, what.reason, effect=what.effect
            )
        return Done()

    @activity.defn(name="settle_dispute")
    async def settle_dispute(self, what: SettleDispute) -> Done:
        """End the dispute of one charge."""
        async with self._correcting() as connection:
            await corrections.settle(
                connection, what.charge, what.settlement, what.amount, what.by, what.reason,
                effect=what.effect,
            )  # fmt: skip
        return Done()

    @asynccontextmanager
    async def _correcting(self) -> AsyncIterator[Connection]:
        """A transaction on the ledger. What it refuses, no retry mends: the person is told."""
        try:
            async with transaction(self.pool) as connection:
                yield connection
        except (Refused, LookupError) as error:
            raise ApplicationError(str(error), type="LedgerRefused", non_retryable=True) from error

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


def near_cap(room: Room, incident: str) -> NearCap:
    return NearCap(
        incident=incident,
        key=room.key,
        detail=f"{room.spent} are charged, and what is owed brings it near {room.what} of "
        f"{room.cap}; what is beyond it is not charged",
    )
