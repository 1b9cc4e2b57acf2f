"""What an incident costs: the contract's prices, what was used, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contract import Contract, Rounding
from domain.money.costs import (
    CapKind,
    ChargeKind,
    Room,
    Unit,
    Used,
    begun_months,
    bill,
    call,
    cut,
    month,
    month_begins,
)
from domain.units import Money
from tests.domain.builders import NOW, PRICES, a_contract, euros

NOTHING = Used(listed=False, earlier_delistings=0, relayed=None)
CONTRACT = a_contract()
PRO_RATA = a_contract(prices=replace(PRICES, rounding=Rounding.PRO_RATA))


def priced(**prices: Any) -> Contract:
    return a_contract(prices=replace(PRICES, **prices))


def charged(used: Used, contract: Contract = CONTRACT) -> dict[ChargeKind, Money]:
    return {due.kind: due.amount for due in bill(used, contract)}


def a_room(cap: str, spent: str) -> Room:
    return Room(
        kind=CapKind.INCIDENT, what="the cap", key="i/cap", cap=euros(cap), spent=euros(spent)
    )


def test_an_incident_that_used_nothing_costs_nothing() -> None:
    assert bill(NOTHING, CONTRACT) == ()


@pytest.mark.parametrize(
    ("before", "fee", "why"),
    [
        (0, "25.00", "the first delisting"),
        (1, "60.00", "a later delisting"),
        (7, "60.00", "a later delisting"),
    ],
)
def test_the_first_delisting_has_one_price_and_every_later_one_another(
    before: int, fee: str, why: str
) -> None:
    (due,) = bill(replace(NOTHING, listed=True, earlier_delistings=before), CONTRACT)
    assert (due.kind, due.amount, due.reason) == (ChargeKind.DELISTING, euros(fee), why)
    assert (str(due.quantity), due.unit) == ("1", Unit.INCIDENT)


# --- the smarthost ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relayed", "amount", "by"),
    [
        (0, "5.00", "minimum"),
        (1, "5.00", "minimum"),
        (4_000, "5.00", "minimum"),
        (4_001, "6.00", "6.00 EUR metered"),  # the fifth thousand has begun
        (5_000, "6.00", "6.00 EUR metered"),
        (5_001, "7.20", "7.20 EUR metered"),
        (1_000_000, "1200.00", "1200.00 EUR metered"),
    ],
)
def test_the_smarthost_costs_per_begun_thousand_with_a_minimum(
    relayed: int, amount: str, by: str
) -> None:
    (due,) = bill(replace(NOTHING, relayed=relayed), CONTRACT)
    assert (due.kind, due.amount) == (ChargeKind.SMARTHOST, euros(amount))
    assert due.reason.startswith(f"{relayed} messages relayed")
    assert by in due.reason


@pytest.mark.parametrize(
    ("relayed", "quantity", "amount"),
    [
        (4_001, "4.001", "5.00"),  # 4.8012 metered, below the minimum
        (5_001, "5.001", "6.00"),  # 6.0012
        (10_012, "10.012", "12.01"),  # 12.0144
        (10_013, "10.013", "12.02"),  # 12.0156
    ],
)
def test_a_contract_can_have_messages_billed_exactly(
    relayed: int, quantity: str, amount: str
) -> None:
    (due,) = bill(replace(NOTHING, relayed=relayed), PRO_RATA)
    assert (due.quantity, due.amount) == (Decimal(quantity), euros(amount))


@given(relayed=st.integers(0, 10**8), price=st.integers(0, 10**5))
def test_pro_rata_is_never_off_by_more_than_half_a_minor_unit(relayed: int, price: int) -> None:
    contract = priced(
        rounding=Rounding.PRO_RATA,
        smarthost_per_thousand=Money(price, "EUR"),
        smarthost_minimum=Money(0, "EUR"),
    )
    (due,) = bill(replace(NOTHING, relayed=relayed), contract)
    assert abs(Fraction(relayed * price, 1_000) - due.amount.minor) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("currency", "price", "amount"), [("JPY", 150, "450 JPY"), ("KWD", 1_001, "3.006 KWD")]
)
def test_amounts_are_rounded_to_their_currencys_own_minor_unit(
    currency: str, price: int, amount: str
) -> None:
    nothing = Money(0, currency)
    contract = priced(
        rounding=Rounding.PRO_RATA,
        delisting_first=nothing,
        delisting_again=nothing,
        smarthost_minimum=nothing,
        dedicated_address_monthly=nothing,
        smarthost_per_thousand=Money(price, currency),
    )
    (due,) = bill(replace(NOTHING, relayed=3_003), contract)
    assert str(due.amount) == amount


@given(
    used=st.builds(
        Used,
        listed=st.booleans(),
        earlier_delistings=st.integers(0, 5),
        relayed=st.none() | st.integers(0, 10**7),
    ),
    more=st.integers(0, 10**6),
    contract=st.sampled_from([CONTRACT, PRO_RATA]),
)
def test_each_kind_is_charged_once_and_more_use_never_costs_less(
    used: Used, more: int, contract: Contract
) -> None:
    dues = bill(used, contract)
    assert len({due.kind for due in dues}) == len(dues)
    assert {due.amount.currency for due in dues} <= {"EUR"}
    if used.relayed is not None:
        further = charged(replace(used, relayed=used.relayed + more), contract)
        now = charged(used, contract)[ChargeKind.SMARTHOST]
        assert further[ChargeKind.SMARTHOST].minor >= now.minor
        assert now.minor >= PRICES.smarthost_minimum.minor


# --- months and calls ---------------------------------------------------------------------------


def test_each_month_of_a_dedicated_address_is_named_by_when_it_begins() -> None:
    due = month(3, datetime(2027, 1, 24, tzinfo=UTC), CONTRACT)
    assert (due.amount, due.unit) == (euros("4.00"), Unit.MONTH)
    assert due.reason == "month 3 of the dedicated address that was agreed to, from 2027-01-24"


@pytest.mark.parametrize(
    ("since", "now", "months"),
    [
        ("2026-01-31", "2026-01-31", 1),
        ("2026-01-31", "2026-02-27", 1),
        ("2026-01-31", "2026-02-28", 2),
        ("2026-01-31", "2026-03-30", 2),
        ("2026-01-31", "2026-03-31", 3),
        ("2026-11-24", "2027-11-23", 12),
        ("2024-02-29", "2025-02-28", 13),
    ],
)
def test_a_month_is_counted_from_its_first_moment_on(since: str, now: str, months: int) -> None:
    start, end = (datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in (since, now))
    assert begun_months(start, end) == months


@given(since=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)), number=st.integers(1, 60))  # noqa: DTZ001
def test_a_month_that_begins_has_begun_and_the_next_has_not(since: datetime, number: int) -> None:
    start = since.replace(tzinfo=UTC)
    begins = month_begins(start, number)
    assert begun_months(start, begins) == number
    assert begun_months(start, begins - timedelta(microseconds=1)) == number - 1


@pytest.mark.parametrize(
    ("minutes", "quantity", "amount"),
    [(1, "0.25", "15.00"), (15, "0.25", "15.00"), (16, "0.5", "30.00"), (61, "1.25", "75.00")],
)
def test_calls_are_charged_by_begun_quarters_of_an_hour(
    minutes: int, quantity: str, amount: str
) -> None:
    due = call(minutes, priced(staff_hour=euros("60.00")))
    assert due is not None
    assert (due.quantity, due.unit, due.amount) == (Decimal(quantity), Unit.HOUR, euros(amount))


def test_calls_cost_nothing_where_the_contract_has_no_price_for_them() -> None:
    assert call(30, CONTRACT) is None
    assert call(0, priced(staff_hour=euros("60.00"))) is None


# --- clauses, caps ------------------------------------------------------------------------------


def test_a_price_can_stand_in_a_clause_of_its_own() -> None:
    contract = priced(clauses={"delisting_first": "7.5", "smarthost_per_thousand": "8"})
    dues = bill(Used(listed=True, earlier_delistings=0, relayed=100_000), contract)
    assert [due.clause for due in dues] == ["7.5", "8"]
    assert month(1, NOW, contract).clause == "7.3"


@pytest.mark.parametrize(
    ("amount", "rooms", "left"),
    [
        ("10.00", [], "10.00"),
        ("10.00", [("100.00", "90.00")], "10.00"),
        ("10.00", [("100.00", "95.00")], "5.00"),
        ("10.00", [("100.00", "100.00")], "0.00"),
        ("10.00", [("100.00", "120.00")], "0.00"),
        ("10.00", [("100.00", "95.00"), ("50.00", "48.00")], "2.00"),
    ],
)
def test_a_charge_is_cut_at_the_tightest_cap_and_says_so(
    amount: str, rooms: list[tuple[str, str]], left: str
) -> None:
    found, said = cut(euros(amount), tuple(a_room(*room) for room in rooms))
    assert found == euros(left)
    assert bool(said) == (left != amount)
    assert not said or said.startswith(f"cut from {amount} EUR to {left} EUR at the cap of ")


@pytest.mark.parametrize(
    ("spent", "more", "near"),
    [("79.99", "0.00", False), ("80.00", "0.00", True), ("0.00", "80.00", True),
     ("40.00", "39.99", False)],
)  # fmt: skip
def test_a_cap_is_near_from_four_fifths_on(spent: str, more: str, near: bool) -> None:
    assert a_room("100.00", spent).near(euros(more)) is near


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ({"delisting_again": Money(1, "USD")}, "one currency, not EUR and USD"),
        ({"cap_month": Money(1, "USD")}, "one currency, not EUR and USD"),
        ({"staff_hour": Money(-1, "EUR")}, "staff_hour of -0.01 EUR is no price"),
        ({"cap_incident": Money(0, "EUR")}, "cap_incident of 0.00 EUR is no price"),
        ({"clauses": {"cap_month": "9"}}, "no price cap_month to give a clause to"),
    ],
)
def test_prices_that_contradict_themselves_are_no_contract(prices: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(PRICES, **prices)
