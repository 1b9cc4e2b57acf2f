"""The ledger: charges, and the credits and voids that take them back. Entries never change."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.letters.notices import ChargeState
from domain.money.costs import ChargeKind, Evidence, Settlement
from domain.units import Money


class EntryKind(StrEnum):
    """What an entry does to the balance."""

    CHARGE = "charge"
    CREDIT = "credit"
    """Takes back a part of one charge, or all that is left of it, by a person's decision."""
    VOID = "void"
    """Takes back all that is left of one charge, because it should never have been made."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row. `amount` is negative for credits and voids, and a balance is the sum of amounts.

    `quantity` times `unit_price` is the amount, unless `reason` says what it was raised or cut to
    (a minimum, a cap, what was charged before).
    """

    key: str
    """Of the effect: `INCIDENT/KIND/N`, `CHARGE/waived`, `CHARGE/credit/N`, `CHARGE/void`."""
    entry: EntryKind
    of: str | None
    """The charge that a credit or a void is about."""
    incident: str
    client: str
    contract: str
    clause: str
    """Of the client's contract, such as "7.3"."""
    kind: ChargeKind
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount: Money
    reason: str
    by: str
    """`plazo`, or the person's name."""
    evidence: tuple[Evidence, ...]
    entered_at: datetime


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A charge as it stands now: what its credits and its void have left of it."""

    charge: Entry
    left: Money
    state: ChargeState
    by: str | None = None
    """Who took it back or disputes it, where somebody does, and why."""
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """A charge that the client disputes. The incident goes on; the charge waits."""

    key: str
    charge: str
    opened_by: str
    why: str
    opened_at: datetime
    settled_by: str | None = None
    settlement: Settlement | None = None
    settled_why: str | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What a client owes in one currency, or one of its incidents comes to: sums of entries."""

    client: str
    incident: str | None
    """None: the client's altogether."""
    charged: Money
    credited: Money
    """Negative, like `voided`."""
    voided: Money
    balance: Money
    disputed: Money
    """Of the balance: what is left of charges under dispute."""


def total(entries: Iterable[Entry]) -> dict[str, Money]:
    """The sum of entries by currency; nothing where there are none."""
    sums: dict[str, int] = {}
    for entry in entries:
        currency = entry.amount.currency
        sums[currency] = sums.get(currency, 0) + entry.amount.minor
    return {currency: Money(minor, currency) for currency, minor in sums.items()}
