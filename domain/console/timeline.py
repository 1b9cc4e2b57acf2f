"""One incident as a story: moments of every kind, from every table, in one order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a moment is of."""

    REPORT = "report"
    DECISION = "decision"
    ATTEMPT = "attempt"
    NOTICE = "notice"
    MEASURE = "measure"
    LISTING = "listing"
    TASK = "task"
    MONEY = "money"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Something that happened. `entry` is its number on the audit chain, if it is from there."""

    at: datetime
    kind: Kind
    what: str
    details: tuple[str, ...] = ()
    by: str | None = None
    failed: bool = False
    entry: int | None = None


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A page of moments, the latest first."""

    moments: tuple[Moment, ...]
    total: int
    """Of this page and all older ones."""
    older: datetime | None
    """Ask for those before this moment; None at the beginning of the story."""
