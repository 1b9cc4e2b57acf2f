"""What an incident costs: the contract's prices, what was used, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ladder import Term
from domain.money import ChargeKind, Used, bill
from domain.units import Money
from tests.domain.builders import PRICES, euros

NOTHING = Used(listed=False, earlier_delistings=0, relayed=None)


def charged(used: Used) -> dict[ChargeKind, Money]:
    return {due.kind: due.amount for due in bill(used, PRICES)}


def test_an_incident_that_used_nothing_costs_nothing() -> None:
    assert bill(NOTHING, PRICES) == ()


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
    (due,) = bill(replace(NOTHING, listed=True, earlier_delistings=before), PRICES)
    assert (due.kind, due.amount, due.reason) == (ChargeKind.DELISTING, euros(fee), why)


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
    (due,) = bill(replace(NOTHING, relayed=relayed), PRICES)
    assert (due.kind, due.amount) == (ChargeKind.SMARTHOST, euros(amount))
    assert due.reason.startswith(f"{relayed} messages relayed")
    assert by in due.reason


@pytest.mark.parametrize("term", Term)
def test_only_a_dedicated_address_that_was_agreed_to_is_charged(term: Term) -> None:
    dedicated = {ChargeKind.DEDICATED_ADDRESS: euros("4.00")}
    accepted = charged(replace(NOTHING, accepted=(term,)))
    assert accepted == (dedicated if term is Term.DEDICATED_ADDRESS else {})


@given(
    used=st.builds(
        Used,
        listed=st.booleans(),
        earlier_delistings=st.integers(0, 5),
        relayed=st.none() | st.integers(0, 10**7),
        accepted=st.lists(st.sampled_from(Term), unique=True).map(tuple),
    ),
    more=st.integers(0, 10**6),
)
def test_each_kind_is_charged_once_and_more_use_never_costs_less(used: Used, more: int) -> None:
    dues = bill(used, PRICES)
    assert len({due.kind for due in dues}) == len(dues)
    assert {due.amount.currency for due in dues} <= {"EUR"}
    if used.relayed is not None:
        further = charged(replace(used, relayed=used.relayed + more))
        now = charged(used)[ChargeKind.SMARTHOST]
        assert further[ChargeKind.SMARTHOST].minor >= now.minor
        assert now.minor >= PRICES.smarthost_minimum.minor


def test_prices_in_two_currencies_are_no_contract() -> None:
    with pytest.raises(ValueError, match="one currency, not EUR and USD"):
        replace(PRICES, delisting_again=Money(1, "USD"))
