"""What the client's portal shows: one incident, in plain fields, read from the book of record.

A template gets one of these as `page` and nothing else. Datetimes are aware; `zone` is the IANA
name that they are shown in.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.hosts import HeldMessage
from domain.incident import Act, Outcome, Stage
from domain.ladder import Condition, Term
from domain.letters.notices import ChargeLine, ChargeState, NoticeFacts
from domain.measures import Restriction


class Part(StrEnum):
    """What a client's answer rests upon: has it changed, the client is asked again."""

    STAGE = "stage"
    DEADLINE = "deadline"
    MEASURE = "measure"
    CONDITIONS = "conditions"
    FIXED = "fixed"


@dataclass(frozen=True, kw_only=True)
class Answerable:
    """How an incident stands, as far as an answer to it rests upon that."""

    stage: Stage
    deadline: datetime | None
    measure: Restriction | None
    upcoming: Restriction | None
    conditions: tuple[Condition, ...]
    fixed_at: datetime | None

    @property
    def seen(self) -> str:
        """A mark of each part, for a form to carry back: `3f9a1c0b.…`."""
        return ".".join(
            hashlib.sha256(str(part).encode()).hexdigest()[:8]
            for part in (
                self.stage,
                self.deadline,
                (str(self.measure), str(self.upcoming)),
                sorted(self.conditions),
                self.fixed_at,
            )
        )

    def changed_since(self, seen: str) -> tuple[Part, ...]:
        """The parts that are other than when a form was written; all for a mark of no form."""
        then, now = seen.split("."), self.seen.split(".")
        if len(then) != len(now):
            return tuple(Part)
        return tuple(part for part, a, b in zip(Part, then, now, strict=True) if a != b)


@dataclass(frozen=True, kw_only=True)
class LetterRow:
    """A letter as it was sent; `taken_at` is when the client's mail server, or ours, took it."""

    subject: str
    text: str
    written_at: datetime
    taken_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SaidRow:
    """What the client has said: an act at the portal or through the desk, or a mail (None)."""

    at: datetime
    act: Act | None
    about: str = ""
    """The charge that is disputed."""
    note: str = ""
    accepted: tuple[Term, ...] = ()
    discard_senders: str = ""
    discard_messages: str = ""


@dataclass(frozen=True, kw_only=True)
class PortalPage:
    """`portal.html`: one incident, as its direct client sees it at `/c/<token>`."""

    token: str
    provider: str
    reply_to: str
    now: datetime
    """When the page is written; the time left is counted from it."""
    facts: NoticeFacts
    """What a letter of now would say."""
    answerable: Answerable
    outcome: Outcome | None = None
    """Where it is closed; there is nothing to send then but the dispute of a charge."""
    held: tuple[HeldMessage, ...] = ()
    """The held messages to choose from; the gateway may bound how many."""
    held_total: int = 0
    """All that are held, shown and not shown."""
    letters: tuple[LetterRow, ...] = ()
    """The newest first."""
    said: tuple[SaidRow, ...] = ()
    """In order."""
    acknowledged: bool = False
    acts: tuple[Act, ...] = ()
    """Those of the portal that are admitted now."""
    changed: tuple[Part, ...] = ()
    """What is other than on the page whose form was sent, so that it was not put on record."""
    note: str = ""
    """What was written into that form."""

    @property
    def zone(self) -> str:
        return self.facts.zone

    @property
    def disputable(self) -> tuple[ChargeLine, ...]:
        return tuple(line for line in self.facts.charges if line.state is ChargeState.DUE)


@dataclass(frozen=True, kw_only=True)
class PortalDone:
    """`portal_done.html`: what was put on record, said back to the client after a POST."""

    token: str
    incident: str
    provider: str
    act: Act
    at: datetime
    zone: str = "UTC"
    accepted: tuple[Term, ...] = ()
    held: int = 0
    """Messages that are held now; where none are, nothing is said about them."""
    answered: bool = False
    """Whether the client has answered for the held mail."""
    discard_senders: tuple[str, ...] = ()
    discard_messages: tuple[str, ...] = ()
    note: str = ""


class Shut(StrEnum):
    """Why a link opens nothing."""

    UNKNOWN = "unknown"
    """It is not complete, or not one of ours."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    CLOSED = "closed"
    """Its incident has been closed for long."""


@dataclass(frozen=True, kw_only=True)
class PortalGone:
    """`portal_gone.html`: a link that opens nothing, and what to do about it."""

    provider: str
    reply_to: str
    why: Shut = Shut.UNKNOWN
