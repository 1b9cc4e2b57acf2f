"""The benchmark of money sees what it is there to see: a charge that is lost, and one too many."""

from asyncpg import Pool

from benchmarks.charger import Plan, charge_all
from benchmarks.ledgers import KINDS, fill, incident
from benchmarks.money import Found, looked_at

ALL = 3


async def charged(pool: Pool, dsn: str, *numbers: int) -> None:
    await fill(pool, ALL)
    plan = Plan(database=dsn, incidents=tuple(map(incident, numbers)), seed=1)
    await charge_all(plan)


async def test_what_is_charged_through_rollbacks_and_twice_at_once_is_right(
    database: Pool, dsn: str
) -> None:
    await charged(database, dsn, *range(ALL))
    assert await looked_at(database, ALL) == Found(
        charges=ALL * KINDS, doubled=0, lost=0, wrong=0, credits=ALL
    )


async def test_a_charge_that_is_missing_is_lost(database: Pool, dsn: str) -> None:
    await charged(database, dsn, 0, 1)
    found = await looked_at(database, ALL)
    assert (found.charges, found.lost, found.wrong) == (2 * KINDS, KINDS, 1)


async def test_a_charge_too_many_is_doubled_and_its_sum_wrong(database: Pool, dsn: str) -> None:
    await charged(database, dsn, *range(ALL))
    await database.execute(
        "INSERT INTO ledger (key, entry, incident, client, contract, clause, kind, quantity, unit,"
        " unit_price, amount, currency, reason, by) SELECT key || '/again', entry, incident,"
        " client, contract, clause, kind, quantity, unit, unit_price, amount, currency, reason, by"
        " FROM ledger WHERE key = $1",
        f"{incident(0)}/delisting/1",
    )
    found = await looked_at(database, ALL)
    assert (found.doubled, found.wrong) == (1, 1)
