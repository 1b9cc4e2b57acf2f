"""What an agent itself put on hold, remembered on disk, because an administrator holds mail too."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.files import replace_file
from domain.hosts import Desired, HeldMessage, Wanted
from domain.wire import WireError, from_text, to_json

_KEPT_FOR = timedelta(days=30)
"""After the gateway last asked about a measure that is over."""
_NOTED_EVERY = timedelta(days=1)


class LedgerUnreadable(Exception):
    """The file that says which messages the agent holds cannot be read; mend or restore it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One measure, and every message that it ever held."""

    measure: Desired
    asked_at: datetime
    done: bool = False
    """Lifted, and everything that follows from it has been carried out."""
    relayed: int = 0
    counter: str = ""
    """Which counter of the mail server's file `relayed` is of."""
    messages: dict[str, HeldMessage] = field(default_factory=dict)
    """By queue id. A fate is written down before it is carried out."""

    @property
    def applied(self) -> bool:
        return self.measure.wanted is Wanted.APPLIED


@dataclass(frozen=True, kw_only=True)
class _Page:
    entries: tuple[Entry, ...] = ()


class Ledger:
    """The entries by measure key, in `file`. Every change is on disk when its call returns, but for
    what `known` says."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.entries: dict[str, Entry] = {}
        self._on_disk = True
        try:
            page = from_text(_Page, file.read_bytes())
        except FileNotFoundError:
            return
        except WireError as error:
            # Started afresh, it would take its own held messages for an administrator's.
            raise LedgerUnreadable(f"{file}: {error}; mend it or restore it") from error
        self.entries = {entry.measure.key: entry for entry in page.entries}

    def in_force(self) -> tuple[Desired, ...]:
        return tuple(entry.measure for entry in self.entries.values() if entry.applied)

    def others(self, key: str) -> list[Entry]:
        """Every entry but one measure's own."""
        return [entry for each, entry in self.entries.items() if each != key]

    def known(self, measure: Desired) -> Entry:
        """The entry of a measure that is in force, and cannot be written down for now."""
        entry = self.entries.get(measure.key) or Entry(measure=measure, asked_at=datetime.now(UTC))
        self.entries[measure.key] = replace(entry, measure=measure, done=False)
        self._on_disk = False
        return self.entries[measure.key]

    def opened(self, measure: Desired) -> Entry:
        """The entry of a measure that was asked about just now, as it was asked for. Raises
        NotKept."""
        now = datetime.now(UTC)
        entry = self.entries.get(measure.key)
        if entry is None:
            entry = Entry(measure=measure, asked_at=now)
        elif entry.measure != measure:
            entry = replace(entry, measure=measure, asked_at=now, done=False)
        elif now - entry.asked_at > _NOTED_EVERY:
            entry = replace(entry, asked_at=now)
        self.put(entry)
        return entry

    def put(self, entry: Entry) -> None:
        """Raises NotKept; what is known is as before, then."""
        if self._on_disk and self.entries.get(entry.measure.key) == entry:
            return
        oldest = datetime.now(UTC) - _KEPT_FOR
        kept = {k: e for k, e in self.entries.items() if not e.done or e.asked_at > oldest}
        kept[entry.measure.key] = entry
        replace_file(self._file, json.dumps(to_json(_Page(entries=tuple(kept.values())))))
        self.entries, self._on_disk = kept, True
