"""Which mail a measure concerns, and what becomes of it: the same on every mail server."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from domain.hosts import Desired, Fate, HeldMessage
from domain.measures import Measure, Restriction, Scope

HOLDS = frozenset({Measure.HOLD_DOMAIN, Measure.HOLD_SERVER})

_MENDED_WITHIN = timedelta(days=1)
"""A smarthost that refuses every address has been set up wrongly: that is mended, and mail goes."""


def concerns(restriction: Restriction, sender: str) -> bool:
    """Whether mail from this envelope sender is what the measure takes hold of.

    A whole server's is, bounces included. A domain's is what carries exactly that domain: those
    below it may be somebody else's.
    """
    if restriction.scope is Scope.SERVER:
        return True
    domain = sender.rpartition("@")[2].lower()
    return domain in {target.lower() for target in restriction.targets}


def in_order(measures: Iterable[Desired]) -> list[Desired]:
    """The first of them that concerns a sender decides where its outgoing mail goes.

    Held mail is held, whatever else is in force; a domain's own smarthost comes before the
    server's.
    """
    return sorted(measures, key=_rank)


def in_charge(measures: Iterable[Desired], sender: str) -> Desired | None:
    """The one of them that decides where this sender's outgoing mail goes."""
    ordered = in_order(measures)
    return next((each for each in ordered if concerns(each.restriction, sender)), None)


def _rank(measure: Desired) -> tuple[bool, bool]:
    return measure.restriction.measure not in HOLDS, measure.restriction.scope is Scope.SERVER


def refused_for_good(message: HeldMessage, *, as_such: bool) -> bool:
    """Whether trying again is of no use after a smarthost's 5xx.

    What it refuses once it has seen the message, it refuses again; what it says to an address may
    be about us, for a day.
    """
    return as_such or datetime.now(UTC) - message.arrived_at > _MENDED_WITHIN


def fate(lifted: Desired, message: HeldMessage) -> Fate:
    """What becomes of a held message when its measure is lifted."""
    if message.queue_id in lifted.discard_messages:
        return Fate.DISCARDED
    if _among(lifted.discard_senders, message.sender):
        return Fate.DISCARDED
    return Fate.KEPT if _among(lifted.keep_senders, message.sender) else Fate.DELIVERED


def _among(senders: Collection[str], sender: str) -> bool:
    """`senders` has addresses and `@domain`. Nobody tells mailboxes apart by their case."""
    whole = sender.lower()
    at_domain = f"@{whole.rpartition('@')[2]}"
    return bool({each.lower() for each in senders} & {whole, at_domain})
