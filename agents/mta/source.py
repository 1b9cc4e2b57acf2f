"""Where a mail server's log is: a file, or systemd's journal; and whoever reads it on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from agents.mta.journal import Journal, JournalLog
from agents.mta.logfile import LogFile, Place

LogSource = Path | Journal


class Log(Protocol):
    """A growing log, each line of it once."""

    gap: bool
    """Whether lines were lost, so that older ones may come again. It stays so once it is."""

    @property
    def place(self) -> Place:
        """After the last line that `lines` gave."""

    def lines(self) -> Iterator[bytes]:
        """Every whole line that came since, in order. Raises NoLog."""


def reader(source: LogSource, place: Place | None = None) -> Log:
    """The log from `place` on; from the end of what is there now without one. Raises NoLog."""
    if isinstance(source, Journal):
        return JournalLog(source, place)
    return LogFile(source, place)
