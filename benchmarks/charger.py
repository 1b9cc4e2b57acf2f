"""One of the processes that charge, as a program: `python -m benchmarks.charger`, plan on stdin.

It goes over its incidents in the order given, bills each, credits a euro of each delisting, and
now and then takes back the whole transaction just before it commits. It says how far it has come,
for it is killed at any moment; whoever starts it again begins a little before that.
"""

import asyncio
import random
import sys
from dataclasses import dataclass
from decimal import Decimal

from asyncpg import Pool

from book.database import open_pool, transaction
from book.incident import incidents
from book.money import bills, corrections
from domain.ladder import Term
from domain.money.costs import ChargeKind
from domain.units import Money
from domain.wire import from_text

CREDIT = Money(100, "EUR")
CREDITED = Decimal("1.00")

_ROLLED_BACK = 0.2
"""Of all transactions."""

_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which incidents to charge, in which order, and what chance to go by."""

    database: str
    incidents: tuple[str, ...]
    seed: int


class RolledBack(Exception):
    """Everything in the transaction was done, and nothing of it is to stay."""


async def charge_all(plan: Plan) -> None:
    pool = await open_pool(plan.database, sessions=_AT_ONCE)
    chance = random.Random(plan.seed)
    try:
        for first in range(0, len(plan.incidents), _AT_ONCE):
            slice_ = plan.incidents[first : first + _AT_ONCE]
            # Some twice at the same time.
            doubled = (*slice_, slice_[0])
            await asyncio.gather(*(_charge(pool, each, chance) for each in doubled))
            sys.stdout.write(f"{first + len(slice_)}\n")
            sys.stdout.flush()
    finally:
        await pool.close()


async def _charge(pool: Pool, incident: str, chance: random.Random) -> None:
    while True:
        try:
            async with transaction(pool) as connection:
                who = await incidents.parties(connection, incident)
                await bills.charge(connection, who, (Term.DEDICATED_ADDRESS,))
                charge = f"{incident}/{ChargeKind.DELISTING}/1"
                await corrections.credit(connection, charge, CREDIT, "ana", "goodwill", effect="1")
                if chance.random() < _ROLLED_BACK:
                    raise RolledBack
        except RolledBack:
            continue
        return


if __name__ == "__main__":
    asyncio.run(charge_all(from_text(Plan, sys.stdin.read())))
