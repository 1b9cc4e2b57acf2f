"""What the world tells a running incident: one digest, counted from the start, never mail itself.

The digest is cumulative and numbered, so it can be sent twice, late or out of order: the incident
keeps the highest revision. That is what lets any number of reports, listings and observations
share one signal.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Observed(StrEnum):
    """What an agent saw of a measure on its host."""

    APPLIED = "applied"
    LIFTED = "lifted"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """The latest observation of one measure, with the agent's own words."""

    observed: Observed
    detail: str = ""
    held: int = 0
    delivered: int = 0
    discarded: int = 0
    kept: int = 0


@dataclass(frozen=True, kw_only=True)
class News:
    """Everything that was heard about one incident so far."""

    revision: int
    reports: int = 0
    """Reports and detections about it, from the first on."""
    last_sent_at: datetime | None = None
    """When the newest offending mail was sent; a late report of old spam is no relapse."""
    volume: int = 0
    listed: tuple[str, ...] = ()
    """`address zone` of every listing that stands now."""
    sightings: dict[str, Sighting] = field(default_factory=dict)
    """By measure key."""
    bounced: dict[str, str] = field(default_factory=dict)
    """Letters that came back and which notice each was, by key."""
    told_at: datetime | None = None
    """When a person told the client by other means, the latest that is on record."""
    tasks_done: int = 0
    """A person's tasks of this incident that have an outcome."""
    addresses: tuple[str, ...] = ()
    """The service's own that offending mail was seen from."""
    domains: tuple[str, ...] = ()
    """Those that offending mail was sent as."""
