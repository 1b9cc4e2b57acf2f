"""What a smarthost has taken, counted from Postfix's log: it is what the client is billed for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from agents.files import replace_file
from agents.mta.postfix.routes import smarthost
from agents.outbound import in_charge
from domain.hosts import Desired
from domain.wire import from_text, to_json

_STAMP = r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S+)"
_LINE = re.compile(_STAMP + r" \S+ postfix\S*/(smtp|qmgr)\[\d+\]: ([0-9A-Za-z]{5,32}): (.*)")
"""Anchored: what follows the queue id is partly in the words of senders and of other servers."""
_ADDRESS = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
_FROM = re.compile(rf"from={_ADDRESS}, size=\d+, nrcpt=\d+ \(queue active\)")
_SENT = re.compile(
    rf"to={_ADDRESS}, (?:orig_to={_ADDRESS}, )?relay=([^\s\[]+)\[[^\]]*\]:(\d+), "
    r"(?:conn_use=\d+, )?delay=[\d.]+, delays=[\d./]+, dsn=2\.\d+\.\d+, status=sent "
)


class NoLog(Exception):
    """Postfix's log is not in a file that this agent can read; set maillog_file in main.cf."""


@dataclass(frozen=True, kw_only=True)
class _Passing:
    """A message between its first attempt and its end; one of many recipients is counted once."""

    sender: str
    counted: bool = False


@dataclass(frozen=True, kw_only=True)
class _Count:
    """How far the log was read, and what was found: one file, so that neither is ahead."""

    inode: int = 0
    offset: int = 0
    watched: tuple[Desired, ...] = ()
    passing: dict[str, _Passing] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)


class Relayed:
    """Messages relayed under each smarthost measure, kept in `state`.

    When `log` was rotated, the rest of the old file is read first, found by its inode among its
    neighbours; only what was compressed within one look of the agent is lost, to the client's good.
    """

    def __init__(self, log: Path, state: Path) -> None:
        self._log = log
        self._file = state
        self._count = _Count()
        if state.exists():
            self._count = from_text(_Count, state.read_bytes())

    def watch(self, measures: tuple[Desired, ...]) -> None:
        """Count for these redirects from here on. Raises NoLog."""
        if measures == self._count.watched:
            return
        if self._count.watched:
            self._read()
        else:
            found = _status(self._log)
            self._count = replace(self._count, inode=found[0], offset=found[1], passing={})
        self._count = replace(self._count, watched=measures)
        self._save()

    def total(self, key: str) -> int:
        """Messages so far. Raises NoLog."""
        if self._count.watched:
            before = self._count
            self._read()
            if self._count != before:
                self._save()
        return self._count.totals.get(key, 0)

    def _save(self) -> None:
        replace_file(self._file, json.dumps(to_json(self._count)))

    def _read(self) -> None:
        inode, size = _status(self._log)
        if inode != self._count.inode:
            if (rotated := self._rotated()) is not None:
                self._read_file(rotated)
            self._count = replace(self._count, inode=inode, offset=0)
        elif size < self._count.offset:
            self._count = replace(self._count, offset=0)
        self._read_file(self._log)

    def _rotated(self) -> Path | None:
        """Where logrotate has put the file that we were reading."""
        for each in self._log.parent.glob(f"{self._log.name}?*"):
            if each.stat().st_ino == self._count.inode:
                return each
        return None

    def _read_file(self, file: Path) -> None:
        offset, passing, totals = (
            self._count.offset,
            dict(self._count.passing),
            dict(self._count.totals),
        )
        for line in _lines(file, offset):
            offset += len(line)
            if (match := _LINE.fullmatch(line.decode(errors="replace").rstrip("\n"))) is not None:
                self._take(match[1], match[2], match[3], passing, totals)
        self._count = replace(self._count, offset=offset, passing=passing, totals=totals)

    def _take(
        self, program: str, queue_id: str, words: str,
        passing: dict[str, _Passing], totals: dict[str, int],
    ) -> None:  # fmt: skip
        if program == "qmgr":
            if words == "removed":
                passing.pop(queue_id, None)
            elif queue_id not in passing and (match := _FROM.fullmatch(words)) is not None:
                passing |= self._concerned(queue_id, match[1])
            return
        known, match = passing.get(queue_id), _SENT.match(words)
        if known is None or known.counted or match is None:
            return
        measure = in_charge(self._count.watched, known.sender)
        if measure is not None and _through(measure, match[3], int(match[4])):
            totals[measure.key] = totals.get(measure.key, 0) + 1
            passing[queue_id] = replace(known, counted=True)

    def _concerned(self, queue_id: str, sender: str) -> dict[str, _Passing]:
        if in_charge(self._count.watched, sender) is None:
            return {}
        return {queue_id: _Passing(sender=sender)}


def _through(measure: Desired, host: str, port: int) -> bool:
    wanted, wanted_port = smarthost(measure)
    return (host.lower(), port) == (wanted.strip("[]").lower(), wanted_port)


def _status(log: Path) -> tuple[int, int]:
    try:
        found = log.stat()
    except OSError as error:
        raise NoLog(f"{log}: {error.strerror}; set maillog_file in main.cf") from error
    return found.st_ino, found.st_size


def _lines(file: Path, offset: int) -> Iterator[bytes]:
    """Whole lines from an offset on; one that is still being written is left for later."""
    with file.open("rb") as opened:
        opened.seek(offset)
        for line in opened:
            if line.endswith(b"\n"):
                yield line
