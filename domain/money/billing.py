"""Where the ledger's entries are delivered: the client's account there, and how each one fares."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.money.ledger import Entry
from domain.units import Money

LEDGER = "ledger"
"""The backend to which nothing is sent, because the ledger is the bill."""


class DeliveryState(StrEnum):
    """How an entry stands with the backend."""

    WAITING = "waiting"
    """To be sent, or to be tried again."""
    HELD = "held"
    """Waits for something else: a dispute to be settled, or the charge that it takes back."""
    SENT = "sent"
    """It is there; its id is on record."""
    REFUSED = "refused"
    """The far side will not have it until a person has put something right."""
    KEPT = "kept"
    """Not to be sent: the ledger is the bill."""
    CANCELLED = "cancelled"
    """Not to be sent: nothing was left of the charge before it was."""


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """An entry on its way, with what earlier attempts came to."""

    entry: Entry
    backend: str
    account: str | None
    """The client's id there. A credit goes where its charge went."""
    round: int
    """How many attempts the far side has answered with a no: a new one is a new request to it."""
    tried_at: datetime | None = None
    """When it was first sent; None before that."""


@dataclass(frozen=True, kw_only=True)
class There:
    """An entry as the far side has it."""

    key: str
    far_id: str
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One row of the outbox."""

    entry: Entry
    state: DeliveryState
    backend: str | None
    account: str | None
    attempts: int
    far_id: str | None
    error: str | None
    next_at: datetime | None
    """When it is tried again by itself, at the earliest."""
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Deliver:
    """Bring one entry to where its client is billed."""

    entry: str


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What came of it."""

    state: DeliveryState
    far_id: str | None = None


_LONGEST = 900
"""Seconds between two attempts: what was away is noticed to be back within a quarter of an hour."""


def pause_after(attempts: int) -> float:
    """Seconds until the next attempt, after so many: 5 s, and twice as long each time."""
    return float(min(5 * 2 ** min(max(attempts, 1) - 1, 10), _LONGEST))


class Difference(StrEnum):
    """How the two sides disagree about an entry."""

    MISSING = "missing"
    DOUBLED = "doubled"
    AMOUNT = "different amount"
    UNKNOWN = "not sent by Plazo"
    """It bears a key of the ledger's, but the record says that it has not been sent."""


@dataclass(frozen=True, kw_only=True)
class Differs:
    """One thing that a reconciliation found."""

    key: str
    incident: str
    backend: str
    account: str | None
    difference: Difference
    here: Money
    there: str
    """Ids and amounts as the far side has them; empty where it has nothing."""


def compare(deliveries: tuple[Delivery, ...], found: tuple[There, ...]) -> tuple[Differs, ...]:
    """Hold what one client's account has at the far side against what was sent to it.

    `deliveries` are all of the client's at that backend, sent or not.
    """
    by_key: dict[str, list[There]] = {}
    for one in found:
        by_key.setdefault(one.key, []).append(one)
    differences = []
    for each in deliveries:
        there = by_key.get(each.entry.key, [])
        difference = _difference(each, there)
        if difference is not None:
            differences.append(
                Differs(
                    key=each.entry.key,
                    incident=each.entry.incident,
                    backend=str(each.backend),
                    account=each.account,
                    difference=difference,
                    here=each.entry.amount,
                    there=", ".join(f"{one.far_id}: {one.amount}" for one in there),
                )
            )
    return tuple(differences)


def _difference(delivery: Delivery, there: list[There]) -> Difference | None:
    if delivery.state is DeliveryState.WAITING:
        return None  # under way: whether it is there is found out by the next attempt
    if delivery.state is not DeliveryState.SENT:
        return Difference.UNKNOWN if there else None
    if not there:
        return Difference.MISSING
    if len(there) > 1:
        return Difference.DOUBLED
    return None if there[0].amount == delivery.entry.amount else Difference.AMOUNT
