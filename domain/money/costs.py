"""What an incident costs the client: each charge once, from the contract and from usage."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from domain.contract import Contract, Prices, Rounding
from domain.units import Money

_QUARTER = 15
"""Minutes: a person's work is charged by begun quarters of an hour, as is usual."""

NEAR = Fraction(4, 5)
"""Of a cap: from here on client and desk are told, before it is passed."""


class ChargeKind(StrEnum):
    """Everything that can be on an incident's bill."""

    DELISTING = "delisting"
    SMARTHOST = "smarthost"
    DEDICATED_ADDRESS = "dedicated_address"
    STAFF_TIME = "staff_time"


class Unit(StrEnum):
    """What a quantity on the ledger counts."""

    INCIDENT = "incident"
    THOUSAND = "thousand"
    """Messages relayed, in thousands."""
    MONTH = "month"
    HOUR = "hour"
    LUMP = "lump"
    """A charge of which no quantity is known: those of before quantities were kept."""
    ADJUSTMENT = "adjustment"
    """A credit or a void."""


class EvidenceKind(StrEnum):
    """What a charge rests on."""

    LISTING = "listing"
    METER = "meter"
    CALL = "call"
    AGREEMENT = "agreement"


class Settlement(StrEnum):
    """How a dispute ends."""

    UPHELD = "upheld"
    """The charge stands, and is sent."""
    WITHDRAWN = "withdrawn"
    """The client takes the dispute back; the charge stands, and is sent."""
    CREDITED = "credited"
    """The client is right, in all or in part: a credit goes with it."""


class CapKind(StrEnum):
    """What a contract may cap."""

    INCIDENT = "incident"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One thing that a charge rests on, by its name in the book of record."""

    what: EvidenceKind
    ref: str


@dataclass(frozen=True, kw_only=True)
class Due:
    """What falls due altogether, with the clause and the sentence that explain it."""

    kind: ChargeKind
    clause: str
    quantity: Decimal
    unit: Unit
    unit_price: Money
    amount: Money
    reason: str


@dataclass(frozen=True, kw_only=True)
class Used:
    """What an incident has used. `relayed` is None where no smarthost measure was in force."""

    listed: bool
    earlier_delistings: int
    relayed: int | None


def bill(used: Used, contract: Contract) -> tuple[Due, ...]:
    """What an incident's listings and mail come to (POLICY: "Money"), without cap or waiver.

    Months of a dedicated address and phone calls are charged one by one: `month`, `call`.
    """
    charges = []
    if used.listed:
        charges.append(_delisting(used.earlier_delistings > 0, contract))
    if used.relayed is not None:
        charges.append(_smarthost(used.relayed, contract))
    return tuple(charges)


def _delisting(again: bool, contract: Contract) -> Due:
    price = "delisting_again" if again else "delisting_first"
    amount: Money = getattr(contract.prices, price)
    return Due(
        kind=ChargeKind.DELISTING,
        clause=contract.clause_of(price),
        quantity=Decimal(1),
        unit=Unit.INCIDENT,
        unit_price=amount,
        amount=amount,
        reason="a later delisting" if again else "the first delisting",
    )


def _smarthost(relayed: int, contract: Contract) -> Due:
    """Per thousand messages actually relayed, by the contract's rounding, with its minimum."""
    prices = contract.prices
    quantity = thousands(relayed, prices.rounding)
    metered = Money.of(prices.smarthost_per_thousand.amount * quantity, prices.currency)
    least = prices.smarthost_minimum
    raised = least.minor > metered.minor
    by = f"the contract's minimum; {metered} metered" if raised else f"{metered} metered"
    return Due(
        kind=ChargeKind.SMARTHOST,
        clause=contract.clause_of("smarthost_minimum" if raised else "smarthost_per_thousand"),
        quantity=quantity,
        unit=Unit.THOUSAND,
        unit_price=prices.smarthost_per_thousand,
        amount=least if raised else metered,
        reason=f"{relayed} messages relayed by the smarthost: {by}",
    )


def thousands(relayed: int, rounding: Rounding) -> Decimal:
    """Messages as the quantity that is billed."""
    if rounding is Rounding.BEGUN_THOUSAND:
        return Decimal(-(-relayed // 1_000))
    return Decimal(relayed) / 1_000


def month(number: int, begins: datetime, contract: Contract) -> Due:
    """One begun month of a dedicated address, the first being number 1."""
    price = contract.prices.dedicated_address_monthly
    which = "the first month" if number == 1 else f"month {number}"
    return Due(
        kind=ChargeKind.DEDICATED_ADDRESS,
        clause=contract.clause_of("dedicated_address_monthly"),
        quantity=Decimal(1),
        unit=Unit.MONTH,
        unit_price=price,
        amount=price,
        reason=f"{which} of the dedicated address that was agreed to, from {begins:%Y-%m-%d}",
    )


def call(minutes: int, contract: Contract) -> Due | None:
    """A person's minutes on the phone; None where the contract has no price for them."""
    price = contract.prices.staff_hour
    if price is None or minutes <= 0:
        return None
    hours = Decimal(-(-minutes // _QUARTER)) / 4
    return Due(
        kind=ChargeKind.STAFF_TIME,
        clause=contract.clause_of("staff_hour"),
        quantity=hours,
        unit=Unit.HOUR,
        unit_price=price,
        amount=Money.of(price.amount * hours, price.currency),
        reason=f"a phone call of {minutes} minutes, by begun quarters of an hour",
    )


def begun_months(since: datetime, now: datetime) -> int:
    """Months that have begun from `since` to `now`: 1 from the first moment on."""
    number = 0
    while month_begins(since, number + 1) <= now:
        number += 1
    return number


def month_begins(since: datetime, number: int) -> datetime:
    """When month `number` begins: the same day of a later month, or that month's last."""
    years, index = divmod(since.month - 2 + number, 12)
    day = since.day
    while True:
        try:
            return since.replace(year=since.year + years, month=index + 1, day=day)
        except ValueError:  # a month after 31 January is the last day of February
            day -= 1


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much a cap leaves. `what` is the cap in words, `key` what it is told under."""

    kind: CapKind
    what: str
    key: str
    cap: Money
    spent: Money

    @property
    def left(self) -> Money:
        return Money(max(self.cap.minor - self.spent.minor, 0), self.cap.currency)

    def near(self, more: Money) -> bool:
        """Whether what is still to be charged comes near the cap, or past it."""
        return self.spent.minor + more.minor >= self.cap.minor * NEAR


def cut(amount: Money, rooms: tuple[Room, ...]) -> tuple[Money, str]:
    """What may be charged of an amount, and the sentence that says to which cap it was cut."""
    tightest = min(rooms, key=lambda room: room.left.minor, default=None)
    if tightest is None or tightest.left.minor >= amount.minor:
        return amount, ""
    said = f"cut from {amount} to {tightest.left} at {tightest.what} of {tightest.cap}"
    return tightest.left, said


def caps_of(prices: Prices) -> tuple[Money, ...]:
    """The caps that a contract has."""
    return tuple(cap for cap in (prices.cap_incident, prices.cap_month) if cap is not None)
