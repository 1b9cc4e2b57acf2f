"""What the edge agent put in force and counted, remembered on disk over restarts."""

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.edge.ruleset import Count, Elements, Table
from agents.files import replace_file
from domain.hosts import Desired
from domain.wire import WireError, from_text, to_json

log = logging.getLogger("plazo.edge_agent")

_KEPT_FOR = timedelta(days=30)
"""After a measure ended: somebody may ask again what it did."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One measure: what it needs of the sets, and what they counted for it."""

    measure: Desired
    elements: Elements
    counted: Count = Count()
    latest: dict[str, Count] = field(default_factory=dict)
    """The sets' own figures when they were last read, by address."""
    put_right: int = 0
    """How often the firewall was found to have been changed by others."""
    ended_at: datetime | None = None

    @property
    def counting(self) -> list[tuple[str, str]]:
        """The sets that count for it, with the addresses that they count."""
        return [
            (name, address)
            for name, addresses in self.elements.items()
            if not name.startswith("smarthosts")
            for address in addresses
        ]

    def begun(self, table: Table) -> "Entry":
        """It counts from now on: not what was counted for another measure on the same address."""
        return replace(self, latest=_figures(self, table))

    def read(self, table: Table) -> "Entry":
        """Add what came since the last reading. A figure that fell was counted from nothing."""
        figures, packets, octets = _figures(self, table), 0, 0
        for address, now in figures.items():
            before = self.latest.get(address, Count())
            if now.packets < before.packets or now.bytes < before.bytes:
                before = Count()
            packets += now.packets - before.packets
            octets += now.bytes - before.bytes
        counted = Count(packets=self.counted.packets + packets, bytes=self.counted.bytes + octets)
        return replace(self, counted=counted, latest=figures)


def _figures(entry: Entry, table: Table) -> dict[str, Count]:
    return {
        address: table.counts[name][address]
        for name, address in entry.counting
        if address in table.counts.get(name, {})
    }


@dataclass(frozen=True, kw_only=True)
class _Page:
    shape: str = ""
    entries: tuple[Entry, ...] = ()


class Memory:
    """Every measure by its key, and the shape that the kernel gave our table; in `file`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.shape = ""
        """How nft lists the table that we made: each version of it has words of its own."""
        self.entries: dict[str, Entry] = {}
        self._saved: _Page | None = None
        with suppress(FileNotFoundError):
            try:
                page = from_text(_Page, file.read_bytes())
            except WireError as error:
                # What is wanted comes from the gateway anyway; only the figures start again.
                log.error("what was counted is unreadable", extra={"why": f"{file}: {error}"})
                return
            self.shape = page.shape
            self.entries = {entry.measure.key: entry for entry in page.entries}
            self._saved = page

    def in_force(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.ended_at is None]

    def put(self, *entries: Entry) -> None:
        """Have these in place of what was known of them, and what ended long ago no more."""
        now = datetime.now(UTC)
        kept = {
            key: entry
            for key, entry in self.entries.items()
            if entry.ended_at is None or now - entry.ended_at < _KEPT_FOR
        }
        self.entries = kept | {entry.measure.key: entry for entry in entries}

    def save(self) -> None:
        """Bring the file to what is known. Raises OSError."""
        page = _Page(shape=self.shape, entries=tuple(self.entries.values()))
        if page != self._saved:
            replace_file(self._file, json.dumps(to_json(page)))
            self._saved = page
