"""Whatever comes in whatever order, again or cut off: the sum is right, and nothing is twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import asyncpg
import pytest
from asyncpg import Connection, Pool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from book.incident import incidents
from book.money import bills, corrections
from book.money.ledger import Refused
from domain.contract import Contract, Rounding
from domain.ladder import Term
from domain.money.costs import ChargeKind, Used, bill
from domain.units import Money
from domain.wire import to_json
from tests.domain.builders import PRICES, a_contract

numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Doing:
    """Something that happens: how often it is tried, and whether the first attempt is cut off."""

    what: str
    size: int
    tries: int
    cut_off: bool


doings = st.builds(
    Doing,
    what=st.sampled_from(
        ["bill", "relay", "list", "agree", "month", "credit", "waive", "call", "raw"]
    ),
    size=st.integers(1, 5_000),
    tries=st.integers(1, 3),
    cut_off=st.booleans(),
)
contracts = st.builds(
    lambda rounding, cap: a_contract(
        prices=replace(PRICES, rounding=rounding, cap_incident=cap, staff_hour=Money(6_000, "EUR"))
    ),
    st.sampled_from(Rounding),
    st.none() | st.integers(1, 8_000).map(lambda minor: Money(minor, "EUR")),
)


class CutOff(Exception):
    """The process is gone before its transaction was."""


@dataclass
class Case:
    """One incident, what has happened to it, and what it should therefore have been charged."""

    pool: Pool
    contract: Contract
    incident: str
    accepted: tuple[Term, ...] = ()
    listed: bool = False
    relayed: int | None = None
    calls: int = 0
    done: int = 0

    async def does(self, doing: Doing) -> None:
        self.done += 1
        if doing.cut_off:
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    await self._try(connection, doing)
                    raise CutOff
            except CutOff:
                pass
        for _ in range(doing.tries):
            async with self.pool.acquire() as connection, connection.transaction():
                await self._try(connection, doing)
        match doing.what:
            case "list":
                self.listed = True
            case "relay":
                self.relayed = max(self.relayed or 0, doing.size)
            case "agree":
                self.accepted = (Term.DEDICATED_ADDRESS,)
            case "call":
                self.calls += 1

    async def _try(self, connection: Connection, doing: Doing) -> None:
        who = await incidents.parties(connection, self.incident)
        match doing.what:
            case "bill":
                await bills.charge(connection, who, self.accepted)
            case "relay":
                await connection.execute(
                    "INSERT INTO usage_readings (source, host, measure, epoch, value, raw)"
                    " VALUES ('host', 'h', $1, '', $2, '{}') ON CONFLICT DO NOTHING",
                    self.incident,
                    doing.size,
                )
                await connection.execute(
                    "UPDATE measures SET observed = 'applied', relayed = 1 WHERE key = $1",
                    self.incident,
                )
            case "list":
                await connection.execute(
                    "INSERT INTO listings (incident, address, zone, answer)"
                    " VALUES ($1, '192.0.2.7', 'bl.example', 'x') ON CONFLICT DO NOTHING",
                    self.incident,
                )
            case "agree":
                await bills.owed(connection, who, (Term.DEDICATED_ADDRESS,))
            case "month":
                span = timedelta(days=doing.size % 40)
                await connection.execute(
                    "UPDATE dedicated_addresses SET since = since - $2::interval"
                    " WHERE incident = $1",
                    self.incident,
                    span,
                )
                await bills.charge_only(connection, who, ChargeKind.DEDICATED_ADDRESS)
            case "call":
                await connection.execute(
                    "INSERT INTO tasks (key, incident, kind, detail, done_at, minutes)"
                    " VALUES ($1, $2, 'call_client', 'call', now(), $3) ON CONFLICT DO NOTHING",
                    f"{self.incident}/task/{self.done}",
                    self.incident,
                    doing.size % 90 + 1,
                )
                await bills.charge_only(connection, who, ChargeKind.STAFF_TIME)
            case "waive":
                kind = list(ChargeKind)[doing.size % len(ChargeKind)]
                await corrections.waive(connection, self.incident, kind, "ana", "goodwill")
            case "credit":
                await self._credit(connection, doing)
            case "raw":
                await self._over_credit(connection)

    async def _credit(self, connection: Connection, doing: Doing) -> None:
        charge = await connection.fetchval(
            "SELECT key FROM charges WHERE incident = $1 ORDER BY key LIMIT 1", self.incident
        )
        if charge is None:
            return
        try:
            await corrections.credit(
                connection, charge, Money(doing.size, "EUR"), "ana", "x", effect=str(self.done)
            )
        except Refused:
            return

    async def _over_credit(self, connection: Connection) -> None:
        """Somebody with a database client takes back a cent more than is left."""
        row = await connection.fetchrow(
            "SELECT * FROM charges WHERE incident = $1 LIMIT 1", self.incident
        )
        if row is None:
            return
        with pytest.raises(asyncpg.CheckViolationError, match=r"is left of|is void already"):
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO ledger (key, entry, of, incident, client, contract, clause, kind,"
                    " quantity, unit, unit_price, amount, currency, reason, by) VALUES ($1,"
                    " 'credit', $2, $3, $4, $5, '', $6, -1, 'adjustment', 0, $7, 'EUR', 'x', 'x')",
                    f"raw/{row['key']}/{self.done}",
                    row["key"],
                    row["incident"],
                    row["client"],
                    row["contract"],
                    row["kind"],
                    -row["remains"] - Decimal("0.01"),
                )


async def an_incident(pool: Pool, contract: Contract) -> Case:
    """One of its own for each example: nothing can be taken off a ledger."""
    number = next(numbers)
    name = f"incident-s-{number}-1"
    await pool.execute(
        "WITH host AS (INSERT INTO hosts (id) VALUES ('h') ON CONFLICT DO NOTHING),"
        " client AS (INSERT INTO clients (id, name, kind, language, contacts)"
        "   VALUES ($1, 'C', 'business', 'en', '{c@example.com}')),"
        " contract AS (INSERT INTO contracts (id, client, valid, terms)"
        "   VALUES ($1, $1, tstzrange(NULL, NULL), $2)),"
        " service AS (INSERT INTO services (id, client, kind) VALUES ($3, $1, 'managed_vps'))"
        " SELECT 1",
        f"c-{number}",
        to_json(replace(contract, id=f"c-{number}", client=f"c-{number}")),
        f"s-{number}",
    )
    await pool.execute(
        "INSERT INTO incidents (id, service, number, client, contract) VALUES ($1, $2, 1, $3, $3)",
        name,
        f"s-{number}",
        f"c-{number}",
    )
    await pool.execute(
        "INSERT INTO measures (key, incident, host, measure, scope, targets)"
        " VALUES ($1, $1, 'h', 'smarthost_redirect', 'server', '{h}')",
        name,
    )
    return Case(pool=pool, contract=contract, incident=name)


async def rows_of(case: Case) -> Sequence[Any]:
    rows: Sequence[Any] = await case.pool.fetch(
        "SELECT *, coalesce(before_cap, amount) AS whole FROM charges WHERE incident = $1",
        case.incident,
    )
    return rows


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(doing=st.lists(doings, min_size=1, max_size=12), contract=contracts, ends=st.booleans())
async def test_the_ledger_is_right_whatever_happens(
    database: Pool, doing: list[Doing], contract: Contract, ends: bool
) -> None:
    case = await an_incident(database, contract)
    bill_at_last = Doing(what="bill", size=1, tries=2, cut_off=True)
    for each in (*doing, bill_at_last):
        await case.does(each)
        await the_sums_are_right(case)
    await everything_owed_is_charged_once(case)
    if ends:
        await set_right(case)
        for each in (*doing, bill_at_last):
            await case.does(each)
        assert await sum_of(case) == 0


async def set_right(case: Case) -> None:
    await case.pool.execute("UPDATE incidents SET barred = true WHERE id = $1", case.incident)
    async with case.pool.acquire() as connection, connection.transaction():
        await corrections.void(connection, case.incident, "plazo", "no spam")


async def sum_of(case: Case) -> Decimal:
    total = await case.pool.fetchval(
        "SELECT coalesce(sum(amount), 0) FROM ledger WHERE incident = $1", case.incident
    )
    return Decimal(total)


async def the_sums_are_right(case: Case) -> None:
    rows = await rows_of(case)
    assert all(0 <= row["remains"] <= row["amount"] for row in rows)
    total = await sum_of(case)
    assert total == sum(row["remains"] for row in rows)
    cap = case.contract.prices.cap_incident
    assert cap is None or total <= cap.amount
    balance = await case.pool.fetchval(
        "SELECT balance FROM balances WHERE incident = $1", case.incident
    )
    assert balance is None or balance == total


async def everything_owed_is_charged_once(case: Case) -> None:
    rows = await rows_of(case)
    used = Used(listed=case.listed, earlier_delistings=0, relayed=case.relayed)
    owed = {due.kind: due.amount.amount for due in bill(used, case.contract)}
    for kind in (ChargeKind.DELISTING, ChargeKind.SMARTHOST):
        whole = sum(row["whole"] for row in rows if row["kind"] == kind)
        assert whole == owed.get(kind, 0)
    assert sum(row["kind"] == ChargeKind.STAFF_TIME for row in rows) == case.calls
    months = [row["key"] for row in rows if row["kind"] == ChargeKind.DEDICATED_ADDRESS]
    begun = await case.pool.fetchval(
        "SELECT since FROM dedicated_addresses WHERE incident = $1", case.incident
    )
    assert bool(months) == (begun is not None)
    expected = {f"{case.incident}/dedicated_address/{number + 1}" for number in range(len(months))}
    assert set(months) == expected
