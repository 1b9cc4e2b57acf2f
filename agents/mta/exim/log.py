"""Exim's main log as the detector reads it (The Exim Specification, chapter "Log files").

A remote delivery is known by its transport, whose name has `smtp` in it in every packaging:
`remote_smtp` and `remote_smtp_smarthost` on Debian, `dkim_remote_smtp` on cPanel. What was never
given a transport has no route to its domain, and is rejected.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agents.mta.exim.binding import bindings
from agents.mta.exim.commands import Commands, EximFailed
from agents.mta.exim.server import log_file
from agents.mta.leaving import Leaving, seen_outside
from agents.mta.logfile import NoLog
from agents.mta.moments import iso_moment
from agents.mta.traffic import Began, Event, Over, Result, Tried

_FILES = (
    Path("/var/log/exim4/mainlog"),
    Path("/var/log/exim_mainlog"),
    Path("/var/log/exim/main.log"),
    Path("/var/log/exim/mainlog"),
)
"""Debian's, cPanel's, and those of Red Hat's and FreeBSD's packages."""

_BASE62 = "[0-9A-Za-z]"
_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?) (?:\[\d+\] )?"
    rf"({_BASE62}{{6}}-{_BASE62}{{6}}-{_BASE62}{{2}}|{_BASE62}{{6}}-{_BASE62}{{11}}-{_BASE62}{{4}})"
    r" (<=|=>|->|>>|\*\*|==|Completed)(?: (.*))?",
    re.DOTALL,
)
"""Message ids have 16 characters, from 4.97 on 23."""
_ADDRESS = r'(?:"(?:[^"\\]|\\.)*"@)?[^\s"<>]+?'
_SENDER = re.compile(rf"(?:<>|({_ADDRESS}))(?: |$)")
_RECIPIENT = re.compile(rf"({_ADDRESS})(?: <[^>]*>)?(: | |$)(.*)", re.DOTALL)
_TRANSPORT = re.compile(r" T=([^\s:]+)")
_HERE = re.compile(r' H=[^\s"]* ?\[(?:127\.[\d.]+|::1)\]')
_HOST = re.compile(r' H=([^\s"\[]*) ?\[([0-9A-Fa-f:.]+)\]')
_INTERFACE = re.compile(r" I=\[([0-9A-Fa-f:.]+)\]")
_REFUSED = re.compile(
    r"SMTP error from remote mail server after (?:[^:<]|<[^>]*>|:(?=<))*: (([45])\d\d.*)",
    re.DOTALL,
)
"""The address of `RCPT TO:<...>` stands before the colon that the server's answer follows."""


class MainLog:
    """A `TrafficLog` (agents/mta/traffic.py) in `file`, of the instance in `config_dir`.

    Without a folder of its configuration the log is where packages have it.
    """

    name = "exim"

    def __init__(self, file: Path | None = None, config_dir: Path | None = None) -> None:
        self._file = file
        self._commands = None if config_dir is None else Commands(config_dir)
        self._bindings: Mapping[str, Leaving] = {}

    async def file(self) -> Path:
        """Raises NoLog."""
        if self._commands is not None:
            with suppress(EximFailed):
                self._bindings = await bindings(self._commands)
        if self._file is not None:
            return self._file
        if self._commands is not None:
            with suppress(EximFailed):
                return await log_file(self._commands)
        for each in _FILES:
            if each.exists():
                return each
        raise NoLog(
            f"no Exim main log in {', '.join(map(str, _FILES))}; write PLAZO_MTA=exim:/the/log"
        )

    def understood(self, line: bytes, now: int) -> Event | None:
        match = _LINE.match(line.decode(errors="replace").rstrip("\r\n"))
        at = None if match is None else iso_moment(match[1])
        if match is None or at is None:
            return None
        _, message, sign, words = match.groups(default="")
        if sign == "Completed":
            return Over(at, message)
        if sign == "<=":
            sender = _SENDER.match(words)
            return None if sender is None else Began(at, message, sender[1] or "")
        return self._tried(at, message, sign, words)

    async def waiting(self) -> Mapping[str, int] | None:
        return None  # its queue is read by the file that will command it

    def _tried(self, at: int, message: str, sign: str, words: str) -> Event | None:
        match = _RECIPIENT.match(words)
        if match is None:
            return None
        recipient, rest = match[1], f"{match[2]}{match[3]}"
        transport = _TRANSPORT.search(rest)
        if transport is None:
            # Refused by a router: there is no such domain, or nothing there that takes mail.
            return Tried(at, message, recipient, Result.REJECTED) if sign == "**" else None
        if "smtp" not in transport[1] or _HERE.search(rest):
            return None
        host = _HOST.search(rest)
        name, address = (host[1], host[2]) if host is not None else ("", "")
        source = self._source(transport[1], address, rest)
        if sign not in ("**", "=="):
            return Tried(at, message, recipient, Result.SENT, name, "", source)
        said = _REFUSED.search(rest)
        answer, kind = said.groups() if said is not None else ("", "")
        result = Result.UNTOLD
        if sign == "**" and kind == "5":
            result = Result.REJECTED
        elif sign == "==" and kind == "4":
            result = Result.DEFERRED
        # Exim writes an answer of several lines with \n between them.
        plain = answer.replace("\\n", " ")
        return Tried(at, message, recipient, result, name, plain, source)

    def _source(self, transport: str, destination: str, rest: str) -> str | None:
        """By `I=[…]`, which `log_selector = +outgoing_interface` adds, or by the configuration."""
        logged = _INTERFACE.search(rest)
        if logged is not None:
            return seen_outside(logged[1])
        bound = self._bindings.get(transport)
        return bound.towards(destination) if bound is not None and destination else None
