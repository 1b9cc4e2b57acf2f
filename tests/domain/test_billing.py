"""Pauses between attempts, and how the ledger and a far side are compared."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.clientele.file import Unreadable, read_clientele
from domain.money.accounts import Account
from domain.money.billing import Delivery, DeliveryState, Difference, There, compare, pause_after
from domain.money.costs import ChargeKind
from domain.money.ledger import Entry, EntryKind
from tests.domain.builders import euros

CLIENT = """\
clients:
  aurora:
    name: Aurora
    kind: business
    language: es
    contacts: [abuse@aurora.example]
    billing: {billing}
    contracts:
      c-1:
        clause: "7"
        jurisdiction: ES
        deadline: 4h
        measures: [hold_domain]
        prices: {{delisting_first: 25 EUR, delisting_again: 60 EUR, smarthost_per_thousand: 1 EUR,
                  smarthost_minimum: 5 EUR, dedicated_address_monthly: 4 EUR}}
"""


def a_delivery(state: DeliveryState = DeliveryState.SENT, key: str = "a/delisting/1") -> Delivery:
    entry = Entry(
        key=key, entry=EntryKind.CHARGE, of=None, incident="a", client="aurora", contract="c-1",
        clause="7", kind=ChargeKind.DELISTING, quantity=Decimal(1), unit="incident",
        unit_price=Decimal(25), amount=euros("25.00"), reason="listed", by="plazo", evidence=(),
        entered_at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    return Delivery(
        entry=entry, state=state, backend="whmcs", account="42", attempts=1,
        far_id="invoice 1" if state is DeliveryState.SENT else None, error=None, next_at=None,
        changed_at=entry.entered_at,
    )  # fmt: skip


def there(amount: str = "25.00", far_id: str = "invoice 1") -> There:
    return There(key="a/delisting/1", far_id=far_id, amount=euros(amount))


def found(delivery: Delivery, *several: There) -> list[Difference]:
    return [each.difference for each in compare((delivery,), several)]


def test_what_is_the_same_on_both_sides_is_not_told() -> None:
    assert found(a_delivery(), there()) == []


def test_each_difference_has_its_name() -> None:
    assert found(a_delivery()) == [Difference.MISSING]
    assert found(a_delivery(), there(), there(far_id="invoice 2")) == [Difference.DOUBLED]
    assert found(a_delivery(), there("26.00")) == [Difference.AMOUNT]


def test_what_was_refused_and_is_there_all_the_same_is_told() -> None:
    assert found(a_delivery(DeliveryState.REFUSED)) == []
    assert found(a_delivery(DeliveryState.REFUSED), there()) == [Difference.UNKNOWN]


def test_what_is_under_way_is_left_to_its_next_attempt() -> None:
    assert found(a_delivery(DeliveryState.WAITING), there()) == []


def test_attempts_are_spaced_out_up_to_a_quarter_of_an_hour() -> None:
    assert [pause_after(n) for n in (1, 2, 3)] == [5.0, 10.0, 20.0]
    assert pause_after(10_000) == 900.0


@pytest.mark.parametrize(
    ("written", "account"),
    [
        ('{backend: whmcs, id: "42"}', Account(backend="whmcs", id="42")),
        ("{backend: whmcs, id: 042}", Account(backend="whmcs", id="042")),
        ("{backend: webhook}", Account(backend="webhook")),
    ],
)
def test_a_client_is_imported_with_its_account(written: str, account: Account) -> None:
    [client] = read_clientele(CLIENT.format(billing=written)).clients
    assert client.billing == account


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("whmcs", "billing is not a mapping"),
        ("{id: 42}", "billing has no backend; add `backend: whmcs`"),
        ("{backend: whcms}", "did you mean whmcs?"),
        ("{backend: whmcs, account: 42}", 'billing has no "account"'),
    ],
)
def test_an_account_that_cannot_be_read_is_told_by_its_line(written: str, told: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_clientele(CLIENT.format(billing=written), backends=("ledger", "whmcs"))
    [error] = caught.value.errors
    assert error.startswith("line 7: ")
    assert told in error
