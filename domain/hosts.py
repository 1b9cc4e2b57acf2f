"""What a mail host's agent and the gateway say to each other (docs/agents.md has the HTTP).

The agent asks for the desired state of its own host and reports what it saw there. It never learns
which client, incident or contract a measure belongs to beyond the measure's key.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from domain.intake.complaints import canonical_address, canonical_domain
from domain.measures import Restriction
from domain.news import Observed

LONGEST_CAMPAIGN = timedelta(days=31)
"""More is no campaign but a way to send, and belongs into the usual or into the contract."""
LARGEST_CAMPAIGN = 10_000_000

MOST_COPIES = 10**9
"""More within an hour is no mail server's."""
_MOST_ALSO = 1_000
_MOST_REASONS = 10
_LONGEST_REASON = 500


class Wanted(StrEnum):
    """What a measure should be on its host."""

    APPLIED = "applied"
    LIFTED = "lifted"


class Fate(StrEnum):
    """What became of a held message."""

    DELIVERED = "delivered"
    DISCARDED = "discarded"
    KEPT = "kept"


@dataclass(frozen=True, kw_only=True)
class Desired:
    """One measure as the host should have it.

    When it is to be lifted: messages in `discard_messages` (queue ids) and from `discard_senders`
    (envelope senders) are deleted, those from `keep_senders` stay held, the rest is delivered.
    `keep_senders` holds addresses or `@domain`.
    """

    key: str
    restriction: Restriction
    wanted: Wanted
    hourly_limit: int | None = None
    smarthost: str | None = None
    """`HOST:PORT` or `KIND:HOST:PORT` that outbound mail is redirected through, never a secret."""
    discard_senders: tuple[str, ...] = ()
    discard_messages: tuple[str, ...] = ()
    keep_senders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Bulk mail that a client announced: so many copies more, within a window, and no others.

    `domain` is the sender domain that it is about; None for every domain of the host.
    """

    id: str
    begins_at: datetime
    ends_at: datetime
    """The first moment that is no longer covered."""
    messages: int
    """Copies: a message for one recipient each."""
    domain: str | None = None

    def __post_init__(self) -> None:
        if self.begins_at.utcoffset() is None or self.ends_at.utcoffset() is None:
            raise ValueError("a campaign begins and ends at moments with an offset from UTC")
        if not timedelta(0) < self.ends_at - self.begins_at <= LONGEST_CAMPAIGN:
            raise ValueError(
                f"a campaign ends after it begins, and within {LONGEST_CAMPAIGN.days} days of it"
            )
        if not 1 <= self.messages <= LARGEST_CAMPAIGN:
            raise ValueError(f"a campaign has from 1 to {LARGEST_CAMPAIGN:,} messages")
        if self.domain is not None and self.domain != canonical_domain(self.domain):
            raise ValueError(f'"{self.domain}" is not a domain in lower-case A-labels')


@dataclass(frozen=True, kw_only=True)
class DesiredState:
    """Every measure that concerns one host, and the revision to ask from next time.

    With the campaigns that its own detector has to know of.
    """

    revision: int
    measures: tuple[Desired, ...] = ()
    campaigns: tuple[Campaign, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HeldMessage:
    """A message that a measure holds back: who and when, never its content."""

    queue_id: str
    sender: str
    recipients: int
    bytes: int
    arrived_at: datetime
    fate: Fate | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many messages a measure ever held, by what became of them."""

    held: int = 0
    delivered: int = 0
    discarded: int = 0
    kept: int = 0

    @classmethod
    def of(cls, messages: Iterable[HeldMessage]) -> Self:
        """Count them."""
        fates = Counter(message.fate for message in messages)
        return cls(
            held=fates[None],
            delivered=fates[Fate.DELIVERED],
            discarded=fates[Fate.DISCARDED],
            kept=fates[Fate.KEPT],
        )


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What the agent saw of one measure, as full as it knows: the latest replaces earlier ones."""

    key: str
    observed: Observed
    detail: str = ""
    relayed: int = 0
    """Messages that went through the smarthost under this measure, each once, since the counter
    began; it never falls while `counter` says the same."""
    messages: tuple[HeldMessage, ...] = field(default=())
    counts: Counts | None = None
    """Of all messages, where there are more of them than are listed."""
    counter: str = ""
    """Which counter `relayed` is of: one that had to begin again has another name."""
    also: tuple[str, ...] = ()
    """Domains that it takes hold of beside its targets, because the machine knows no smaller unit:
    the others of a cPanel account."""

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-z]{0,32}", self.counter):
            raise ValueError("a counter's name is of at most 32 small letters and digits")
        if len(self.also) > _MOST_ALSO or not all(map(canonical_domain, self.also)):
            raise ValueError(f"what a measure also holds is at most {_MOST_ALSO:,} domains")


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that an agent has to say at once."""

    observations: tuple[Observation, ...]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What a host's own detector found too much: a domain's outgoing mail, or the whole host's.

    Numbers and one sender domain, never a recipient, a subject or a body.
    """

    id: str
    """The same at every try to hand it in."""
    domain: str | None
    """None for what no single domain explains."""
    began_at: datetime
    """When the outbreak was first seen."""
    seen_at: datetime
    """The end of the hour that the numbers are of."""
    sent_at: datetime
    """Mail that is too much was sent after this: who says since then that it is fixed, errs."""
    new: int
    """Copies since this outbreak was last told of."""
    messages: int
    copies: int
    distinct: int
    judged: int
    """Copies that the next two are counted among: those outside an announced campaign."""
    rejected: int
    deferred: int
    waiting: int | None = None
    """Messages of it that are in the queue still; None if the queue cannot be read."""
    address: str | None = None
    """Where the host's mail leaves from, if the agent was told."""
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,300}", self.id):
            raise ValueError("a detection's id is of letters, digits, dots, hyphens and _")
        if self.domain is not None and self.domain != canonical_domain(self.domain):
            raise ValueError(f'"{self.domain[:60]}" is not a domain in lower-case A-labels')
        if self.address is not None and self.address != canonical_address(self.address):
            raise ValueError(f'"{self.address[:60]}" is not an IP address in canonical form')
        counts = (
            self.new, self.messages, self.copies, self.distinct, self.judged, self.rejected,
            self.deferred, self.waiting or 0,
        )  # fmt: skip
        if not all(0 <= count <= MOST_COPIES for count in counts):
            raise ValueError(f"a detection's numbers are from 0 to {MOST_COPIES:,}")
        if not self.reasons or len(self.reasons) > _MOST_REASONS:
            raise ValueError(f"a detection has from 1 to {_MOST_REASONS} reasons")
        if any(len(reason) > _LONGEST_REASON for reason in self.reasons):
            raise ValueError(f"a reason has at most {_LONGEST_REASON} characters")
