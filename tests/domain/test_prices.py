"""Prices in a provider's file: with clauses, caps, a rounding rule; every mistake by its line."""

import pytest

from domain.clientele.file import Unreadable, read_clientele
from domain.contract import Contract, Prices, Rounding
from domain.wire import from_json, to_json
from tests.domain.builders import a_contract, euros
from tests.domain.test_clientele import SMALL

AFTER = "          dedicated_address_monthly: 4.00 EUR\n"


def prices_with(lines: str, old: str = AFTER) -> Prices:
    """The first contract's, with more lines after, or in place of, one of them."""
    text = SMALL.replace(old, f"{old if old == AFTER else ''}{lines}", 1)
    return read_clientele(text).contracts[0].contract.prices


def test_what_is_not_said_costs_nothing_and_caps_nothing() -> None:
    prices = read_clientele(SMALL).contracts[0].contract.prices
    assert (prices.staff_hour, prices.cap_incident, prices.cap_month) == (None, None, None)
    assert (prices.rounding, prices.clauses) == (Rounding.BEGUN_THOUSAND, {})


def test_everything_can_be_said() -> None:
    prices = prices_with(
        "          staff_hour: {amount: 60.00 EUR, clause: '9'}\n"
        "          cap_incident: 200.00 EUR\n"
        "          cap_month: 500.00 EUR\n"
        "          rounding: pro_rata\n"
    )
    assert (prices.staff_hour, prices.clauses) == (euros("60.00"), {"staff_hour": "9"})
    assert (prices.cap_incident, prices.cap_month) == (euros("200.00"), euros("500.00"))
    assert prices.rounding is Rounding.PRO_RATA


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rounding: up", 'unknown rounding "up"'),
        ("cap_month: 0 EUR", "cap_month of 0.00 EUR is no price"),
        ("cap_month: 500 USD", "cap_month is in USD and delisting_first in EUR"),
        ("cap_month: {amount: 500 EUR}", "here is a list or a mapping; write one value"),
        ("staff_hour: {clause: 9}", "the price has no amount; add `amount: 25.00 EUR`"),
        ("staff_hour: {amount: 1 EUR, claus: 9}", 'the price has no "claus"; did you mean clause?'),
        ("staff_hours: 60 EUR", 'prices has no "staff_hours"; did you mean staff_hour?'),
        ("staff_hour: 60 EUT", '"EUT" is no currency of ISO 4217'),
    ],
)
def test_a_mistake_in_prices_says_what_to_write(line: str, said: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        prices_with(f"          {line}\n")
    assert said in str(unreadable.value)


def test_a_contract_in_yen_has_no_decimals() -> None:
    text = SMALL.replace(" EUR", " JPY").replace(".00 JPY", " JPY").replace("1.20 JPY", "120 JPY")
    prices = read_clientele(text).contracts[0].contract.prices
    assert str(prices.smarthost_per_thousand) == "120 JPY"


def test_terms_that_were_kept_before_there_were_caps_are_still_read() -> None:
    contract = a_contract()
    kept = to_json(contract)
    assert isinstance(kept, dict)
    prices = kept["prices"]
    assert isinstance(prices, dict)
    for name in ("staff_hour", "cap_incident", "cap_month", "rounding", "clauses"):
        del prices[name]
    assert from_json(Contract, kept) == contract
