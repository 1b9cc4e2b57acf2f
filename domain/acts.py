"""What people and clients send to an incident: one dataclass per Update, so that each can grow."""

from collections.abc import Sequence
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
class Contest:
    """The client says that there is no spam, or that it is not theirs.

    A person looks at it. Until then nothing stops: otherwise saying so would buy time.
    """

    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class KeptMail:
    """What becomes of mail that stayed held when the measure ended, since nobody had answered.

    What is named is discarded, everything else is delivered.
    """

    by: str
    note: str = ""
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


_ACCEPTS = "accepts: "
_BY_SENDER = "held mail to discard, by sender: "
_BY_MESSAGE = "held mail to discard, by message: "
_THE_REST = "all other held mail is to be delivered"


def words_of(what: Fixed | KeptMail) -> tuple[str, ...]:
    """What a client agreed to and ordered, in sentences for the record."""
    sentences = [what.note]
    if isinstance(what, Fixed) and what.accepts:
        sentences.append(_ACCEPTS + ", ".join(what.accepts))
    if what.discard_senders:
        sentences.append(_BY_SENDER + ", ".join(what.discard_senders))
    if what.discard_messages:
        sentences.append(_BY_MESSAGE + ", ".join(what.discard_messages))
    if isinstance(what, KeptMail) or what.answered:
        sentences.append(_THE_REST)
    return tuple(filter(None, sentences))


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """What `words_of` has put on record, taken apart again. Senders and queue ids as one text."""

    note: str
    accepts: tuple[Term, ...]
    senders: str
    messages: str


def recalled(sentences: Sequence[str]) -> Recalled:
    """The sentences of an act on record, to be said in the client's language."""

    def after(opening: str) -> str:
        return next((one.removeprefix(opening) for one in sentences if one.startswith(opening)), "")

    openings = (_ACCEPTS, _BY_SENDER, _BY_MESSAGE, _THE_REST)
    return Recalled(
        note="\n".join(one for one in sentences if not one.startswith(openings)),
        accepts=tuple(Term(term) for term in after(_ACCEPTS).split(", ") if term in list(Term)),
        senders=after(_BY_SENDER),
        messages=after(_BY_MESSAGE),
    )


def _encodes(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
