"""When a receiver's refusals are told of, and when it takes mail of the address again.

A refusal that lasts until somebody acts is told at the first; one that the receiver ends by itself
(it takes mail slowly) once there were some within an hour. It is over when mail has been accepted
after the last refusal and nothing was refused for an hour, so that a receiver that takes one
message and refuses the next is not in and out all day. What is not tried any more ages out.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.detection.refusals import Receiver, Refusal, refusal_by
from domain.detection.traffic import HOUR
from domain.hosts import MOST_COPIES
from domain.intake.complaints import canonical_address

AGED = timedelta(days=7)
"""Without a refusal and without a delivery, nobody knows any more what the receiver would say."""

ENOUGH = 5
"""Refusals within an hour of the kind that a receiver ends by itself; fewer are everybody's."""

REPEAT = 6 * HOUR
"""Seconds between two times that a refusal is told of which goes on."""

_LONGEST_SAID = 1_000
_LONGEST_HOST = 255
_RECIPIENT = re.compile(r"<?[^\s<>@]{1,64}@(?!messaging\.microsoft\.com)[^\s<>@,;)\]]{1,255}>?")
"""Receivers quote whom the mail was for; where Microsoft is written to is nobody's address."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What a host's log says of a receiver and one of the host's addresses, for the gateway."""

    id: str
    """The same at every try to hand it in."""
    receiver: Receiver
    address: str
    """That was refused, of this host."""
    began_at: datetime
    refused_at: datetime
    """The last time."""
    refused: int
    """Copies, since it began."""
    host: str
    """The receiver's mail server that said it last."""
    said: str
    """Its answer, with no recipient's address in it."""
    accepted_at: datetime | None = None
    """When it took mail of the address again: it is over. None while it goes on."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,300}", self.id):
            raise ValueError("a refusal's id is of letters, digits, dots, hyphens and _")
        if self.address != canonical_address(self.address):
            raise ValueError(f'"{self.address[:60]}" is not an IP address in canonical form')
        if not 1 <= self.refused <= MOST_COPIES:
            raise ValueError(f"refused copies are from 1 to {MOST_COPIES:,}")
        if len(self.said) > _LONGEST_SAID or len(self.host) > _LONGEST_HOST:
            raise ValueError(f"an answer has at most {_LONGEST_SAID} characters")
        if not self.began_at <= self.refused_at <= (self.accepted_at or self.refused_at):
            raise ValueError("a refusal begins, was last seen, and is over, in this order")
        if self.refusal is None:
            raise ValueError(f'"{self.said[:60]}" of {self.host[:60]} refuses no address')

    @property
    def refusal(self) -> Refusal | None:
        """What the answer means. Who hands it in is not asked."""
        found = refusal_by(self.host, self.said)
        return found if found is not None and found.receiver is self.receiver else None


@dataclass(frozen=True, kw_only=True)
class Refusing:
    """A receiver and an address, as the log has it so far; moments in Unix seconds."""

    began_at: int
    refused_at: int
    host: str
    said: str
    refused: int = 1
    lasting: bool = False
    accepted_at: int | None = None
    """The first time after the last refusal."""
    told_at: int | None = None
    told: int = 0


def said(answer: str) -> str:
    """An answer as it may leave the host: short, and without the recipient that it quotes."""
    return _RECIPIENT.sub("<redacted>", " ".join(answer.split()))[:_LONGEST_SAID]


def refused(known: Refusing | None, refusal: Refusal, host: str, answer: str, at: int) -> Refusing:
    """One more refusal."""
    lasting = refusal.lasting or (known is not None and known.lasting)
    if known is None or (known.told_at is None and at - known.began_at > HOUR):
        return Refusing(began_at=at, refused_at=at, host=host, said=said(answer), lasting=lasting)
    return replace(
        known, refused_at=max(at, known.refused_at), refused=known.refused + 1, host=host,
        said=said(answer), lasting=lasting, accepted_at=None,
    )  # fmt: skip


def accepted(known: Refusing, at: int) -> Refusing:
    """A message of the address was taken."""
    if known.accepted_at is not None or at < known.refused_at:
        return known
    return replace(known, accepted_at=at)


def follow(known: Refusing, now: int) -> tuple[Refusing | None, bool]:
    """It as it stands now, None once it is over, and whether to tell of it."""
    quiet = now - known.refused_at >= HOUR
    if known.told_at is None:
        if known.lasting or known.refused >= ENOUGH:
            return replace(known, told_at=now, told=1), True
        return (None if quiet else known), False
    if quiet and known.accepted_at is not None:
        return None, True
    if now - known.refused_at >= AGED.total_seconds():
        return None, False
    if known.refused_at > known.told_at and now - known.told_at >= REPEAT:
        return replace(known, told_at=now, told=known.told + 1), True
    return known, False
