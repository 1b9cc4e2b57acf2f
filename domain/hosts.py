"""What a mail host's agent and the gateway say to each other (docs/agents.md has the HTTP).

The agent asks for the desired state of its own host and reports what it saw there. It never learns
which client, incident or contract a measure belongs to beyond the measure's key.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.measures import Restriction
from domain.news import Observed


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
    """`host:port` that outbound mail is redirected through."""
    discard_senders: tuple[str, ...] = ()
    discard_messages: tuple[str, ...] = ()
    keep_senders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DesiredState:
    """Every measure that concerns one host, and the revision to ask from next time."""

    revision: int
    measures: tuple[Desired, ...] = ()


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
class Observation:
    """What the agent saw of one measure, as full as it knows: the latest replaces earlier ones."""

    key: str
    observed: Observed
    detail: str = ""
    relayed: int = 0
    """Messages that went through the smarthost under this measure."""
    messages: tuple[HeldMessage, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that an agent has to say at once."""

    observations: tuple[Observation, ...]
