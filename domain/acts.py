"""What people and clients send to an incident: one dataclass per Update, so that each can grow."""

from dataclasses import astuple, dataclass

from domain.incident import Outcome
from domain.ladder import Term
from domain.money.costs import ChargeKind, Settlement
from domain.units import Money

LONGEST_MOVE = 366 * 86_400
"""Seconds that a deadline may be moved by at once, as many as `Hours` can hold."""

MOST_MINUTES = 24 * 60
"""Of one phone call."""

_MOST_TEXT = 20_000
"""Characters of one act altogether; it stays in the incident's memory and on its record."""


@dataclass(frozen=True, kw_only=True)
class Acknowledge:
    """The client has read the notice."""

    by: str


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """The client says that the cause is gone, and which held mail to discard.

    Everything else that is held is delivered when the measure is lifted. Without any answer about
    held mail (`answered` false) the offending sender's messages stay held.
    """

    by: str
    note: str = ""
    accepts: tuple[Term, ...] = ()
    """The terms agreed to, where the ladder sets conditions."""
    answered: bool = False
    discard_senders: tuple[str, ...] = ()
    discard_messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MoveDeadline:
    """Extend or shorten the wait by so many hours of the contract's calendar, from the deadline."""

    by: str
    seconds: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Escalate:
    """Do not wait: restrict now, or take the contract's next measure."""

    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Release:
    """Lift the measure by a person's decision, without the client's word."""

    by: str
    reason: str
    deliver_everything: bool = False
    discard_senders: tuple[str, ...] = ()
    discard_messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Waive:
    """Forgive one kind of charge of this incident, made or still to be made."""

    by: str
    charge: ChargeKind
    reason: str


@dataclass(frozen=True, kw_only=True)
class Credit:
    """Take back a part of one charge, or all that is left of it where `amount` is None."""

    by: str
    charge: str
    """Its key, such as `incident-vps-1-1/delisting/1`."""
    reason: str
    amount: Money | None = None


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """The client disputes one charge. The incident goes on; the charge is not sent."""

    by: str
    charge: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Settle:
    """End the dispute of one charge. `amount` is for a settlement by credit (None: all of it)."""

    by: str
    charge: str
    settlement: Settlement
    reason: str
    amount: Money | None = None


@dataclass(frozen=True, kw_only=True)
class FalsePositive:
    """There was no spam: lift everything, void the charges, apologise."""

    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CallOutcome:
    """What came of the phone call."""

    by: str
    outcome: str
    reached: bool
    minutes: int = 0
    """That it took; the contract may have a price for a person's time."""


@dataclass(frozen=True, kw_only=True)
class Close:
    """End the incident as withdrawn (lifts everything) or with the service terminated."""

    by: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an act did, in one sentence, with the stage and deadline after it."""

    said: str
    stage: str
    deadline: str | None = None


def ours(incident: str, charge: str) -> bool:
    """Whether the key of a charge is one of this incident's, so far as it says so."""
    return charge.startswith(f"{incident}/")


def unfit(act: object) -> str | None:
    """Why an act's words cannot be put on record; None when they can.

    A terminal that is not set to UTF-8 sends lone surrogates, which no database takes: refused
    here, or every later step of the incident would fail on them.
    """
    words = [
        word
        for value in astuple(act)  # type: ignore[call-overload]
        for word in (value if isinstance(value, tuple) else (value,))
        if isinstance(word, str)
    ]
    if any("\0" in word or not _encodes(word) for word in words):
        return "its words are not UTF-8 text; set your terminal to UTF-8"
    if sum(map(len, words)) > _MOST_TEXT:
        return f"its words are more than {_MOST_TEXT:,} characters"
    return None


def words_of(fixed: Fixed) -> tuple[str, ...]:
    """What a client agreed to and ordered, in sentences for the record."""
    sentences = [fixed.note]
    if fixed.accepts:
        sentences.append(f"accepts: {', '.join(fixed.accepts)}")
    for what, named in (("sender", fixed.discard_senders), ("message", fixed.discard_messages)):
        if named:
            sentences.append(f"held mail to discard, by {what}: {', '.join(named)}")
    if fixed.answered:
        sentences.append("all other held mail is to be delivered")
    return tuple(filter(None, sentences))


def _encodes(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
