"""Which messages a rate limit has let pass, remembered on disk so that a restart counts on."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agents.files import replace_file
from agents.mta.port import CannotCarryOut
from domain.hosts import Desired, HeldMessage
from domain.wire import WireError, from_text, to_json

HOUR = timedelta(hours=1)


class PassesUnreadable(Exception):
    """The file that says what a limit has let pass cannot be read; mend it or remove it."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One message that may go, and the limit that it counts under."""

    limit: str
    queue_id: str
    arrived_at: datetime
    at: datetime

    @property
    def message(self) -> tuple[str, datetime]:
        return self.queue_id, self.arrived_at


@dataclass(frozen=True, kw_only=True)
class _Page:
    passes: tuple[Pass, ...] = ()


class Passes:
    """At most so many messages within any hour, by measure key, in `file`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._passes: tuple[Pass, ...] = ()
        self._allowed: set[tuple[str, datetime]] = set()
        try:
            self._know(from_text(_Page, file.read_bytes()).passes)
        except FileNotFoundError:
            return
        except WireError as error:
            # Started afresh, it would let a whole hour's number pass once more.
            raise PassesUnreadable(f"{file}: {error}; mend it or remove it") from error

    def allowed(self, message: HeldMessage) -> bool:
        """Whether it was let pass: it may try again for as long as it has to."""
        return _identity(message) in self._allowed

    def room(self, limit: Desired, now: datetime) -> int:
        """How many more may pass now. Raises CannotCarryOut."""
        within = [each for each in self._passes if each.limit == limit.key and now - each.at < HOUR]
        return max(0, hourly(limit) - len(within))

    def let(
        self, messages: Iterable[tuple[HeldMessage, Collection[Desired]]], now: datetime
    ) -> None:
        """Count messages under their limits; on disk when this returns, so before they leave."""
        fresh = tuple(
            Pass(limit=limit.key, queue_id=each.queue_id, arrived_at=each.arrived_at, at=now)
            for each, limits in messages
            for limit in limits
        )
        if fresh:
            self._put((*self._passes, *fresh))

    def forget(self, queue: Collection[HeldMessage], now: datetime) -> None:
        """Those that no longer count, and whose messages are not in the queue any more."""
        here = {_identity(each) for each in queue}
        kept = tuple(each for each in self._passes if now - each.at < HOUR or each.message in here)
        if kept != self._passes:
            self._put(kept)

    def _put(self, passes: tuple[Pass, ...]) -> None:
        replace_file(self._file, json.dumps(to_json(_Page(passes=passes))))
        self._know(passes)

    def _know(self, passes: tuple[Pass, ...]) -> None:
        self._passes, self._allowed = passes, {each.message for each in passes}


def hourly(limit: Desired) -> int:
    """Messages an hour. Raises CannotCarryOut."""
    if limit.hourly_limit is None or limit.hourly_limit < 1:
        raise CannotCarryOut(f"{limit.key} is a limit of {limit.hourly_limit}; expected 1 or more")
    return limit.hourly_limit


def _identity(message: HeldMessage) -> tuple[str, datetime]:
    """Short queue ids are used again, later."""
    return message.queue_id, message.arrived_at
