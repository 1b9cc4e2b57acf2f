"""Exim's main log as the detector reads it (The Exim Specification, chapter "Log files").

A remote delivery is known by its transport, whose name has `smtp` in it in every packaging:
`remote_smtp` and `remote_smtp_smarthost` on Debian, `dkim_remote_smtp` on cPanel. What was never
given a transport has no route to its domain, and is rejected.
"""

import re
from collections.abc import Mapping
from pathlib import Path

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
_REFUSED = re.compile(
    r"SMTP error from remote mail server after (?:[^:<]|<[^>]*>|:(?=<))*: ([45])\d\d"
)
"""The address of `RCPT TO:<...>` stands before the colon that the server's answer follows."""


class MainLog:
    """A `TrafficLog` (agents/mta/traffic.py)."""

    name = "exim"

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    async def file(self) -> Path:
        """Raises NoLog."""
        if self._file is not None:
            return self._file
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
        return _tried(at, message, sign, words)

    async def waiting(self) -> Mapping[str, int] | None:
        return None  # its queue is read by the file that will command it


def _tried(at: int, message: str, sign: str, words: str) -> Event | None:
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
    if sign not in ("**", "=="):
        return Tried(at, message, recipient, Result.SENT)
    said = _REFUSED.search(rest)
    result = Result.UNTOLD
    if said is not None and sign == "**" and said[1] == "5":
        result = Result.REJECTED
    elif said is not None and sign == "==" and said[1] == "4":
        result = Result.DEFERRED
    return Tried(at, message, recipient, result)
