"""What a smarthost has taken, counted from Postfix's log: it is what the client is billed for."""

import json
import pwd
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from agents.files import replace_file
from agents.mta.journal import Journal, has_journal
from agents.mta.logfile import NoLog, Place
from agents.mta.postfix.commands import Commands
from agents.mta.source import Log, LogSource, reader
from agents.outbound import in_charge
from agents.smarthosts.port import host_and_port
from domain.hosts import Desired
from domain.wire import from_text, to_json

_STAMP = r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S+)"
_LINE = re.compile(_STAMP + r" \S+ postfix\S*/(smtp|qmgr)\[\d+\]: ([0-9A-Za-z]{5,32}): (.*)")
"""Anchored: what follows the queue id is partly in the words of senders and of other servers."""
ADDRESS = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
FROM = re.compile(rf"from={ADDRESS}, size=\d+, nrcpt=\d+ \(queue active\)")
_SENT = re.compile(
    rf"to={ADDRESS}, (?:orig_to={ADDRESS}, )?relay=([^\s\[]+)\[[^\]]*\]:(\d+), "
    r"(?:conn_use=\d+, )?delay=[\d.]+, delays=[\d./]+, dsn=2\.\d+\.\d+, status=sent "
)

_SYSLOG_FILES = (Path("/var/log/mail.log"), Path("/var/log/maillog"))
"""Where Debian's and Red Hat's syslog put Postfix's lines when maillog_file is not set."""
_STALE = 2 * 86_400
"""Seconds; a syslog that was taken off the machine leaves its last file behind."""


@dataclass(frozen=True, kw_only=True)
class _Passing:
    """A message between its first attempt and its end; one of many recipients is counted once."""

    sender: str
    counted: bool = False


@dataclass(frozen=True, kw_only=True)
class _Count(Place):
    """How far the log was read, and what was found: one file, so that neither is ahead."""

    watched: tuple[Desired, ...] = ()
    passing: dict[str, _Passing] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    name: str = ""
    """Of this counter; "" in a file kept by an older agent."""


class RelayedLog:
    """Messages relayed under each smarthost measure, kept in `state`.

    Each line of `log` is read once, whatever rotates it (agents/mta/logfile.py).
    """

    def __init__(self, log: LogSource, state: Path) -> None:
        self._log = log
        self._file = state
        # A file that is lost takes its totals along: what is counted after that is another counter.
        self._count = _Count(name=token_hex(8))
        if state.exists():
            self._count = from_text(_Count, state.read_bytes())

    @property
    def name(self) -> str:
        """The counter's: as long as it is the same, no total falls."""
        return self._count.name

    def watch(self, measures: tuple[Desired, ...]) -> None:
        """Count for these redirects from here on. Raises NoLog."""
        if measures == self._count.watched:
            return
        if self._count.watched:
            self._read()
        else:
            self._count = replace(self._at(_reader(self._log)), passing={})
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
        log = _reader(self._log, self._count)
        passing, totals = dict(self._count.passing), dict(self._count.totals)
        try:
            for line in log.lines():
                match = _LINE.fullmatch(line.decode(errors="replace").rstrip("\n"))
                if match is not None:
                    self._take(match[1], match[2], match[3], passing, totals)
        except NoLog as error:
            raise _unset(error) from error
        self._count = replace(self._at(log), passing=passing, totals=totals)

    def _at(self, log: Log) -> _Count:
        place = log.place
        return replace(
            self._count, inode=place.inode, offset=place.offset, mark=place.mark,
            cursor=place.cursor,
        )  # fmt: skip

    def _take(
        self, program: str, queue_id: str, words: str,
        passing: dict[str, _Passing], totals: dict[str, int],
    ) -> None:  # fmt: skip
        if program == "qmgr":
            if words == "removed":
                passing.pop(queue_id, None)
            elif queue_id not in passing and (match := FROM.fullmatch(words)) is not None:
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
    return (host.lower(), port) == host_and_port(measure.smarthost or "")


def _reader(log: LogSource, place: Place | None = None) -> Log:
    try:
        return reader(log, place)
    except NoLog as error:
        raise _unset(error) from error


def _unset(error: NoLog) -> NoLog:
    return NoLog(f"{error}; set maillog_file in main.cf")


async def log_file(commands: Commands) -> LogSource:
    """Where an instance's lines are: where Postfix writes them itself, or where syslog does, or
    the journal where no syslog has written for days."""
    log = await commands.setting("maillog_file", expanded=True)
    if log:
        return Path(log)
    known = [each for each in _SYSLOG_FILES if each.exists()]
    fresh = [each for each in known if each.stat().st_mtime > time.time() - _STALE]
    if not fresh and has_journal():
        return Journal(writers=_writers(await commands.setting("mail_owner")))
    return (fresh or known or [*_SYSLOG_FILES])[0]


def _writers(mail_owner: str) -> frozenset[int]:
    """Whom Postfix runs as: root and its own user."""
    with suppress(KeyError):
        return frozenset({0, pwd.getpwnam(mail_owner).pw_uid})
    return frozenset({0})
