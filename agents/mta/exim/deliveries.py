"""What Exim's main log says of our routers: what a hold stopped, and what a smarthost took."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from agents.files import replace_file
from agents.mta.exim.fragments import HOLD, SMARTHOST
from agents.mta.exim.handover import REFUSED
from agents.mta.exim.queue import MESSAGE_ID
from agents.mta.logfile import LogFile, Place
from agents.outbound import in_charge
from domain.hosts import Desired
from domain.wire import from_text, to_json

_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})? (?:\[\d+\] )?"
    rf"({MESSAGE_ID.pattern}) (<=|=>|->|==|\*\*|Completed)(?: (.*))?"
)
"""Anchored: what follows is partly in the words of senders and of other servers."""
_ADDRESS = r'(?:"(?:[^"\\]|\\.)*"@)?[^\s"<>]+'
_SENDER = re.compile(rf"(?:<>|({_ADDRESS}))(?: |$)")
_REFUSED = re.compile(
    rf"SMTP error from remote mail server after (?P<all>end of data|.*?): 451 [\d.]+ {REFUSED}"
)
_ROUTED = re.compile(rf"{_ADDRESS}(?: <[^>]*>)?(?: [FP]=<[^>]*>)* R=(\S+) T=(\S+)(?: |$)")


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """How far the log was read, and what was found: one file, so that neither is ahead."""

    place: Place | None = None
    watched: tuple[Desired, ...] = ()
    senders: dict[str, str] = field(default_factory=dict)
    """Of messages under a redirect, by id."""
    counted: tuple[str, ...] = ()
    """Those of them that are in the totals: one of many recipients counts once."""
    totals: dict[str, int] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()
    refused: dict[str, bool] = field(default_factory=dict)
    """By id: True where the smarthost refused the message, False where an address of it."""
    name: str = ""
    """Of the counter that the totals are of; "" in a file kept by an older agent."""


class Deliveries:
    """Messages relayed under each redirect, and those that a hold stopped, kept in `state`."""

    def __init__(self, log: Path, state: Path) -> None:
        self._log = log
        self._file = state
        # A file that is lost takes its totals along: what is counted after that is another counter.
        kept = from_text(_Seen, state.read_bytes()) if state.exists() else None
        seen = kept or _Seen(name=token_hex(8))
        self.name = seen.name
        self._watched = seen.watched
        self._senders = dict(seen.senders)
        self._counted = set(seen.counted)
        self._totals = dict(seen.totals)
        self._stopped = set(seen.stopped)
        self._refused = dict(seen.refused)
        self._reader: LogFile | None = None
        self._place = seen.place
        self._written = seen

    @property
    def watched(self) -> tuple[Desired, ...]:
        """The redirects that are counted for."""
        return self._watched

    def watch(self, redirects: tuple[Desired, ...], queued: Mapping[str, str]) -> None:
        """Count for these from here on; `queued` has the senders of what waits. Raises NoLog."""
        self._read()
        self._watched = redirects
        for queue_id, sender in queued.items():
            self._began(queue_id, sender)
        self._save()

    def total(self, key: str) -> int:
        """Messages that the measure's smarthost has taken so far. Raises NoLog."""
        self._read()
        self._save()
        return self._totals.get(key, 0)

    def stopped(self, queued: Collection[str]) -> set[str]:
        """Those of the queued messages whose last attempt a hold stopped. Raises NoLog."""
        self._forget_all_but(queued)
        return set(self._stopped)

    def refused(self, queued: Collection[str]) -> dict[str, bool]:
        """Those of the queued messages that the smarthost refused for good when they were last
        attempted: True for a message as such, False for an address of it. Raises NoLog."""
        self._forget_all_but(queued)
        return dict(self._refused)

    def _forget_all_but(self, queued: Collection[str]) -> None:
        self._read()
        self._stopped &= set(queued)
        self._refused = {k: v for k, v in self._refused.items() if k in queued}
        self._save()

    def _read(self) -> None:
        if self._reader is None:
            self._reader = LogFile(self._log, self._place)
        for line in self._reader.lines():
            match = _LINE.fullmatch(line.decode(errors="replace").rstrip("\r\n"))
            if match is not None:
                self._take(match[1], match[2], match[3] or "")

    def _take(self, queue_id: str, sign: str, words: str) -> None:
        if sign == "Completed":
            self._senders.pop(queue_id, None)
            self._counted.discard(queue_id)
            self._stopped.discard(queue_id)
            self._refused.pop(queue_id, None)
            return
        if sign == "<=":
            sender = _SENDER.match(words)
            if sender is not None:
                self._began(queue_id, sender[1] or "")
            return
        routed = _ROUTED.match(words)
        router, transport = routed.groups() if routed is not None else ("", "")
        if sign == "==":
            (self._stopped.add if transport == HOLD else self._stopped.discard)(queue_id)
            if transport == SMARTHOST:
                self._put_off(queue_id, words)
        elif sign in ("=>", "->") and router == transport == SMARTHOST:
            self._count(queue_id)

    def _put_off(self, queue_id: str, words: str) -> None:
        refused = _REFUSED.search(words)
        if refused is None:
            self._refused.pop(queue_id, None)
        else:
            self._refused[queue_id] = refused["all"] == "end of data"

    def _count(self, queue_id: str) -> None:
        sender = self._senders.get(queue_id)
        if sender is None or queue_id in self._counted:
            return
        measure = in_charge(self._watched, sender)
        if measure is not None:
            self._totals[measure.key] = self._totals.get(measure.key, 0) + 1
            self._counted.add(queue_id)

    def _began(self, queue_id: str, sender: str) -> None:
        if in_charge(self._watched, sender) is not None:
            self._senders[queue_id] = sender

    def _save(self) -> None:
        assert self._reader is not None
        seen = _Seen(
            place=self._reader.place, watched=self._watched, senders=dict(self._senders),
            counted=tuple(sorted(self._counted)), totals=dict(self._totals),
            stopped=tuple(sorted(self._stopped)), refused=dict(self._refused), name=self.name,
        )  # fmt: skip
        if seen != self._written:
            replace_file(self._file, json.dumps(to_json(seen)))
            self._written = seen
