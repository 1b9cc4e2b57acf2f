"""Postfix's log and queue as the detector reads them: what its SMTP client tried to deliver.

Only that client speaks to the outside; `local`, `virtual`, `lmtp` and `pipe` do not. It also hands
mail to filters on the same machine (amavis), which hand it back as another message: such a hop is
known by its loopback address or by `content_filter`, and is not counted, or all would count twice
and mail from the outside would count as the host's own.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from agents.mta.leaving import Leaving
from agents.mta.moments import iso_moment, syslog_moment
from agents.mta.postfix.binding import bindings
from agents.mta.postfix.commands import Commands, PostfixFailed
from agents.mta.postfix.maillog import ADDRESS, FROM, log_file
from agents.mta.postfix.queue import Queue
from agents.mta.source import LogSource
from agents.mta.traffic import Began, Event, Over, Result, Tried

_LINE = re.compile(
    r"(?:(?P<syslog>[A-Z][a-z]{2} [ \d]\d [\d:]{8})|(?P<iso>\d{4}-\d\d-\d\dT\S+)) \S+ "
    r"(?P<name>postfix\S*)/(?P<program>smtp|qmgr)\[\d+\]: (?P<id>[0-9A-Za-z]{5,32}): (?P<words>.*)",
    re.DOTALL,
)
_TRIED = re.compile(
    rf"to={ADDRESS}, (?:orig_to={ADDRESS}, )?relay=(?:none|([^\s\[]+)\[([^\]]*)\]:(\d+)), "
    r"(?:conn_use=\d+, )?delay=[\d.]+, delays=[\d./]+, dsn=([245])\.\d+\.\d+, "
    r"status=(sent|deferred|bounced) \((.*)"
)
_ANSWER = re.compile(
    r"(delivery temporarily suspended: )?"
    r"host ([^\s\[]+)\S* (?:said|refused to talk to me): (.*)",
    re.DOTALL,
)
"""Of what is suspended, Postfix repeats what the server answered to another message."""
_HOP = re.compile(r"(?:\[([^\]]+)\]|([^\s:\[\]]+)):(\d+)")


class Outgoing:
    """A `TrafficLog` (agents/mta/traffic.py) of the instance configured in `config_dir`."""

    name = "postfix"

    def __init__(self, config_dir: Path) -> None:
        self._commands = Commands(config_dir)
        self._queue = Queue(self._commands)
        self._relayhost: set[tuple[str, int]] = set()
        self._filters: set[tuple[str, int]] = set()
        self._bindings: Mapping[str, Leaving] = {}

    async def file(self) -> LogSource:
        """Raises NoLog, PostfixFailed."""
        setting = self._commands.setting
        self._relayhost = _hops(await setting("relayhost", expanded=True))
        overrides = await self._commands.run("postconf", "-Ph", "*/*/content_filter")
        self._filters = _hops(f"{await setting('content_filter', expanded=True)}\n{overrides}")
        self._bindings = await bindings(self._commands)
        return await log_file(self._commands)

    def understood(self, line: bytes, now: int) -> Event | None:
        if b"/smtp[" not in line and b"/qmgr[" not in line:
            return None
        match = _LINE.match(line.decode(errors="replace").rstrip("\r\n"))
        if match is None:
            return None
        at = iso_moment(match["iso"]) if match["iso"] else syslog_moment(match["syslog"], now)
        if at is None:
            return None
        queue_id, words = match["id"], match["words"]
        if match["program"] == "smtp":
            return self._tried(at, queue_id, words, match["name"])
        if words == "removed":
            return Over(at, queue_id)
        active = FROM.fullmatch(words)
        return None if active is None else Began(at, queue_id, active[1])

    async def waiting(self) -> Mapping[str, int] | None:
        try:
            queued = await self._queue.listing()
        except PostfixFailed:
            return None
        return Counter(each.message.sender.rpartition("@")[2].lower() for each in queued)

    def _tried(self, at: int, queue_id: str, words: str, name: str) -> Event | None:
        match = _TRIED.match(words)
        if match is None:
            return None
        recipient, _, host, address, port, dsn, status, why = match.groups()
        if host is not None and self._inner((host.lower(), int(port)), (address, int(port))):
            return None
        answer = _ANSWER.match(why)
        suspended, named, said = answer.groups(default="") if answer is not None else ("", "", "")
        result = Result.UNTOLD
        if status == "sent":
            result = Result.SENT
        elif status == "bounced" and dsn == "5":
            result = Result.REJECTED
        elif status == "deferred" and said.startswith("4") and not suspended:
            result = Result.DEFERRED
        bound = self._bindings.get(name)
        source = bound.towards(address) if bound is not None and address else None
        return Tried(at, queue_id, recipient, result, host or named, said, source)

    def _inner(self, *hop: tuple[str, int]) -> bool:
        """Whether a relay, by its name and by its address, is a filter of this host's own."""
        if not self._filters.isdisjoint(hop):
            return True
        local = any(name == "::1" or name.startswith("127.") for name, _ in hop)
        return local and self._relayhost.isdisjoint(hop)


def _hops(setting: str) -> set[tuple[str, int]]:
    """The `[host]:port` of settings such as `smtp-amavis:[127.0.0.1]:10024`."""
    hops = _HOP.findall(setting)
    return {((bracketed or bare).lower(), int(port)) for bracketed, bare, port in hops}
