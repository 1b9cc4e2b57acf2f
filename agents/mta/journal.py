"""systemd's journal as a mail server's log, for machines on which syslog writes no files.

`journalctl` reads it; each time what came after a cursor, which is kept as the place in a file is.
Whoever may run a program can write to the journal under any name, but the journal itself notes who
that was: lines of others than the mail server's own users are passed over.
"""

import json
import logging
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agents import programs
from agents.mta.logfile import NoLog, Place

log = logging.getLogger("plazo.host_agent")

_FOLDERS = (Path("/var/log/journal"), Path("/run/log/journal"))
_MAIL = "SYSLOG_FACILITY=2"
"""RFC 5424 §6.2.1."""
_FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,_HOSTNAME,_PID,_UID"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What these users wrote to the journal about mail."""

    writers: frozenset[int]
    """User ids."""


def has_journal() -> bool:
    """Whether there is a journal here, and a program that reads it."""
    return shutil.which("journalctl") is not None and any(each.is_dir() for each in _FOLDERS)


class JournalLog:
    """The journal from `place` on; from the end of what is there now without one.

    Lines are as syslog would have written them: moment, host, `program[pid]:` and words.
    """

    def __init__(self, journal: Journal, place: Place | None = None) -> None:
        """Raises NoLog."""
        self._writers = journal.writers
        self.gap = False
        """Whether lines were lost: the journal dropped them before we came. It stays so."""
        self._cursor = place.cursor if place is not None else ""
        if self._cursor:
            first = _first(f"--cursor={self._cursor}")
            # One that is gone stands for the nearest that is there.
            if first is None or first["__CURSOR"] != self._cursor:
                self.gap = True
                log.warning("the journal was rotated away unread")
        else:
            newest = _first("--lines=1")
            self._cursor = newest["__CURSOR"] if newest is not None else ""

    @property
    def place(self) -> Place:
        """After the last line that `lines` gave."""
        return Place(cursor=self._cursor)

    def lines(self) -> Iterator[bytes]:
        """Every line that came since, in order. Raises NoLog."""
        # Not --after-cursor: up to systemd 252 it passes over the first entry that fits, too, if
        # the one at the cursor does not.
        since, known = (f"--cursor={self._cursor}",) if self._cursor else (), self._cursor
        for entry in _entries(*since, f"--output-fields={_FIELDS}", _MAIL):
            if entry["__CURSOR"] == known:
                continue
            self._cursor = entry["__CURSOR"]
            if entry.get("_UID", "").isdigit() and int(entry["_UID"]) in self._writers:
                yield _line(entry).encode(errors="replace")


def _first(*arguments: str) -> dict[str, str] | None:
    with closing(_entries(*arguments, "--output-fields=MESSAGE")) as entries:
        return next(entries, None)


def _entries(*arguments: str) -> Generator[dict[str, str], None, None]:
    command = ("journalctl", "--output=json", "--all", "--no-pager", "--quiet", *arguments)
    try:
        for line in programs.lines(*command):
            yield {name: _text(value) for name, value in json.loads(line).items()}
    except (programs.Failed, OSError, ValueError) as error:
        raise NoLog(f"the journal cannot be read: {error}") from error


def _text(value: object) -> str:
    """What is no UTF-8 comes as a list of bytes; what is there twice as a list of those."""
    if isinstance(value, list) and all(isinstance(each, int) for each in value):
        return bytes(value).decode(errors="replace")
    return _text(value[0]) if isinstance(value, list) and value else str(value)


def _line(entry: dict[str, str]) -> str:
    at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000, UTC)
    words = " ".join(entry.get("MESSAGE", "").splitlines())
    name = f"{entry.get('SYSLOG_IDENTIFIER', '-')}[{entry.get('_PID', '0')}]"
    return f"{at.isoformat()} {entry.get('_HOSTNAME', '-')} {name}: {words}\n"
