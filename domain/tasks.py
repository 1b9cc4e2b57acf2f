"""What waits for a person: how long each kind of task may wait, and one as people see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from domain.steps import TaskKind

ANY_OTHER = timedelta(days=1)
"""For kinds that have no span of their own."""

WITHIN: Mapping[str, timedelta] = MappingProxyType(
    {
        # Two hours of spam are enough to be listed: what stops it, or tells of it, comes first.
        TaskKind.NO_MEASURE_TOOK_HOLD: timedelta(minutes=30),
        TaskKind.NOTICE_UNDELIVERABLE: timedelta(hours=1),
        TaskKind.CALL_CLIENT: timedelta(hours=1),
        TaskKind.RELEASE_UNCONFIRMED: timedelta(hours=1),
        TaskKind.CLIENT_WROTE: timedelta(hours=2),
        TaskKind.CLIENT_CONTESTS: timedelta(hours=2),
        TaskKind.REQUEST_DELISTING: timedelta(hours=4),
        "place_report": timedelta(hours=4),
        "read_report": timedelta(hours=8),
    }
)
"""From opening to due, by kind."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task. `due` is counted from its opening, or was set by a person."""

    key: str
    kind: str
    detail: str
    opened_at: datetime
    due: datetime
    incident: str | None = None
    owner: str | None = None
    taken_at: datetime | None = None
    done_at: datetime | None = None
    done_by: str | None = None
    outcome: str | None = None
    minutes: int | None = None
    """Of a person's work on it."""
    told_at: datetime | None = None
    """When the client was told by other means."""
