"""The steps of the charging pass: months of dedicated addresses, and caps that come near.

Each incident is charged in a transaction of its own, so a pass that is cut off has charged what it
has charged, and the next attempt goes over the rest.
"""

from dataclasses import dataclass

from asyncpg import Pool
from temporalio import activity

from activities.books import near_cap
from book.database import transaction
from book.incident import incidents
from book.money import bills, caps
from domain.money.charging import CapsSeen, ChargeMonths, LookAtCaps, MonthsCharged
from domain.money.costs import ChargeKind

_SLICE = 200
"""Incidents in one attempt of a step: seconds of work."""


@dataclass(frozen=True)
class Charging:
    """Verbs on `pool`."""

    pool: Pool

    @activity.defn(name="look_at_caps")
    async def look_at_caps(self, what: LookAtCaps) -> CapsSeen:
        """Find the caps that what is charged and owed comes near."""
        async with self.pool.acquire() as connection:
            found = await caps.capped_incidents(connection, what.after, _SLICE)
        near = []
        for incident in found:
            async with transaction(self.pool) as connection:
                who = await incidents.parties(connection, incident)
                rooms = await bills.near_caps(connection, who)
                near += [near_cap(room, incident) for room in rooms]
        return CapsSeen(after=found[-1] if len(found) == _SLICE else None, near=tuple(near))

    @activity.defn(name="charge_months")
    async def charge_months(self, what: ChargeMonths) -> MonthsCharged:
        """Charge each begun month of each dedicated address that is in force, once."""
        async with self.pool.acquire() as connection:
            found = await bills.addresses_in_force(connection, what.after, _SLICE)
        months = 0
        for incident in found:
            async with transaction(self.pool) as connection:
                who = await incidents.parties(connection, incident)
                entered = await bills.charge_only(connection, who, ChargeKind.DEDICATED_ADDRESS)
                months += len(entered)
        return MonthsCharged(after=found[-1] if len(found) == _SLICE else None, months=months)
