"""What the database itself refuses on the ledger, whoever writes: raw SQL and the program."""

import asyncio
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from asyncpg import Pool

from domain.incident import Outcome
from domain.money.currencies import CURRENCIES
from tests.book.ledgers import balance, billed, voided
from tests.book.provider import an_incident, closed, is_listed, parties_of, reported
from tests.domain.builders import PRICES

CHARGE: dict[str, Any] = {
    "key": "k-1",
    "entry": "charge",
    "of": None,
    "incident": "incident-vps-1-1",
    "client": "aurora",
    "contract": "c-1",
    "clause": "7.3",
    "kind": "delisting",
    "quantity": 1,
    "unit": "incident",
    "unit_price": 25,
    "amount": 25,
    "currency": "EUR",
    "reason": "the first delisting",
    "by": "plazo",
}


async def enter(pool: Pool, **other: Any) -> None:
    """One row, by raw SQL."""
    row = CHARGE | {
        name: Decimal(str(value)) if isinstance(value, float) else value
        for name, value in other.items()
    }
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await pool.execute(f"INSERT INTO ledger ({', '.join(row)}) VALUES ({marks})", *row.values())


async def take_back(
    pool: Pool, key: str, amount: float, entry: str = "credit", **other: Any
) -> None:
    ordinary = {"of": "k-1", "quantity": -1, "unit": "adjustment", "unit_price": -amount}
    await enter(pool, **ordinary | {"key": key, "entry": entry, "amount": amount} | other)


async def refused(pool: Pool, said: str, **other: Any) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match=said):
        await enter(pool, **other)


# --- entries never change -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET amount = 1",
        "UPDATE ledger SET reason = 'another'",
        "DELETE FROM ledger",
        "TRUNCATE ledger CASCADE",
    ],
)
async def test_an_entry_is_never_changed_or_taken_away(database: Pool, statement: str) -> None:
    await an_incident(database)
    await enter(database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await database.execute(statement)
    assert await balance(database, CHARGE["incident"]) == "25.00"


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM disputes", "TRUNCATE disputes", "UPDATE disputes SET why = 'another'"],
)
async def test_a_dispute_is_only_settled_and_only_once(database: Pool, statement: str) -> None:
    await an_incident(database)
    await enter(database)
    await database.execute(
        "INSERT INTO disputes (key, charge, opened_by, why) VALUES ('d-1', 'k-1', 'client', 'no')"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="settled once"):
        await database.execute(statement)
    settle = "UPDATE disputes SET settled_by = 'ana', settlement = 'upheld', settled_why = 'it is"
    await database.execute(f"{settle} so', settled_at = now()")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="settled once"):
        await database.execute(f"{settle} not so', settled_at = now()")


# --- charges ------------------------------------------------------------------------------------


async def test_the_same_key_is_entered_once(database: Pool) -> None:
    await an_incident(database)
    await enter(database)
    with pytest.raises(asyncpg.UniqueViolationError):
        await enter(database)
    assert await balance(database, CHARGE["incident"]) == "25.00"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"amount": 25.005}, "EUR has 2 decimals, and 25.005 more"),
        ({"amount": -1}, "ledger_check"),
        ({"amount": "NaN"}, "ledger_amount_check"),
        ({"amount": "Infinity"}, "ledger_amount_check"),
        ({"quantity": "NaN"}, "ledger_quantity_check"),
        ({"currency": "EUT"}, "EUT is no currency of ISO 4217"),
        ({"client": "another"}, "incident incident-vps-1-1 is of client aurora"),
        ({"kind": "fine"}, "ledger_kind_check"),
        ({"of": "k-0"}, "ledger_check"),
        ({"reason": ""}, "ledger_reason_check"),
        ({"before_cap": 25}, "ledger_check"),
        ({"before_cap": 30.001}, "EUR has 2 decimals"),
    ],
)
async def test_a_charge_that_makes_no_sense_is_refused(
    database: Pool, other: dict[str, Any], said: str
) -> None:
    await an_incident(database)
    await refused(database, said, **other)


@pytest.mark.parametrize(
    ("currency", "amount", "kept"), [("JPY", 25, "25"), ("KWD", 1.234, "1.234"), ("EUR", 5, "5.00")]
)
async def test_an_amount_is_kept_with_its_currencys_decimals(
    database: Pool, currency: str, amount: float, kept: str
) -> None:
    await an_incident(database)
    await enter(database, currency=currency, amount=amount, unit_price=amount)
    assert await balance(database, CHARGE["incident"]) == kept


async def test_a_contract_is_charged_in_one_currency_across_its_incidents(database: Pool) -> None:
    who = await an_incident(database)
    await enter(database)
    await closed(database, who.incident)
    later = await parties_of(database, await reported(database, "r-2"))
    said = "contract c-1 is charged in EUR, not in USD"
    await refused(database, said, key="k-2", incident=later.incident, currency="USD")


async def test_an_incident_that_was_set_right_is_charged_nothing(database: Pool) -> None:
    who = await an_incident(database)
    await voided(database, who)
    for kind in ("delisting", "smarthost", "dedicated_address", "staff_time"):
        await refused(database, "incident incident-vps-1-1 has ended", kind=kind)
    await closed(database, who.incident, Outcome.FALSE_POSITIVE)
    await refused(database, "has ended", kind="smarthost")


async def test_after_the_end_comes_only_what_is_told_late_or_goes_on(database: Pool) -> None:
    who = await an_incident(database)
    await closed(database, who.incident)
    for kind in ("delisting", "dedicated_address", "staff_time"):
        await refused(database, "has ended", kind=kind)
    await enter(database, kind="smarthost")
    await database.execute(
        "INSERT INTO dedicated_addresses (incident, since) VALUES ($1, now())", who.incident
    )
    await enter(database, kind="dedicated_address", key="k-2")


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_an_older_snapshot_may_not_write(database: Pool, isolation: str) -> None:
    await an_incident(database)
    async with database.acquire() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="READ COMMITTED"):
            async with connection.transaction(isolation=isolation):
                await enter(connection)


async def test_the_currencies_are_those_that_amounts_are_read_in(database: Pool) -> None:
    rows = await database.fetch("SELECT code, decimals FROM currencies")
    assert {row["code"]: row["decimals"] for row in rows} == CURRENCIES


# --- credits and voids --------------------------------------------------------------------------


async def test_no_more_is_taken_back_than_is_left(database: Pool) -> None:
    await an_incident(database)
    await enter(database)
    await take_back(database, "c-1", -10)
    with pytest.raises(asyncpg.CheckViolationError, match="ledger_check"):
        await take_back(database, "c-2", 5, unit_price=5)
    with pytest.raises(
        asyncpg.CheckViolationError, match=r"15\.00 EUR is left of k-1, less than 15\.01"
    ):
        await take_back(database, "c-2", -15.01)
    await take_back(database, "c-2", -15)
    with pytest.raises(asyncpg.CheckViolationError, match=r"0\.00 EUR is left"):
        await take_back(database, "c-3", -0.01)
    assert await balance(database, CHARGE["incident"]) == "0.00"


async def test_two_credits_at_once_cannot_take_back_more_than_is_left(database: Pool) -> None:
    await an_incident(database)
    await enter(database)
    answers = await asyncio.gather(
        *(take_back(database, f"c-{number}", -10) for number in range(8)), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 2
    assert await balance(database, CHARGE["incident"]) == "5.00"


async def test_a_void_takes_back_all_that_is_left_and_only_once(database: Pool) -> None:
    await an_incident(database)
    await enter(database)
    await take_back(database, "c-1", -10)
    with pytest.raises(asyncpg.CheckViolationError, match="takes back all that is left"):
        await take_back(database, "v-1", -25, "void")
    await take_back(database, "v-1", -15, "void")
    for entry, amount in (("void", 0), ("credit", -1)):
        with pytest.raises(asyncpg.CheckViolationError, match="k-1 is void already"):
            await take_back(database, "v-2", amount, entry)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"currency": "USD"}, "is charged in EUR, not in USD"),
        ({"kind": "smarthost"}, "k-1 is a delisting charge"),
        ({"of": "nothing"}, "nothing is no charge"),
        ({"of": "c-0"}, "c-0 is no charge"),
        ({"of": None}, "is no charge|ledger_check"),
    ],
)
async def test_a_credit_is_of_one_charge_in_its_own_terms(
    database: Pool, other: dict[str, Any], said: str
) -> None:
    await an_incident(database)
    await enter(database)
    await take_back(database, "c-0", -1)
    with pytest.raises(asyncpg.CheckViolationError, match=said):
        await take_back(database, "c-1", -5, **other)


async def test_balances_are_the_sums_of_rows(database: Pool) -> None:
    who = await an_incident(database)
    await is_listed(database, who.incident)
    await billed(database, who)
    await enter(database, key="k-1", amount=7, kind="smarthost")
    await take_back(database, "c-1", -3, kind="smarthost")
    rows = await database.fetch("SELECT * FROM balances ORDER BY incident NULLS FIRST")
    assert [row["incident"] for row in rows] == [None, who.incident]
    charged = PRICES.delisting_first.amount + 7
    for row in rows:
        assert (row["charged"], row["credited"], row["voided"]) == (charged, -3, 0)
        assert row["balance"] == charged - 3
