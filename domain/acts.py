"""What people and clients send to an incident: one dataclass per Update, so that each can grow."""

from dataclasses import dataclass

from domain.incident import Outcome
from domain.ladder import Term
from domain.money import ChargeKind


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
