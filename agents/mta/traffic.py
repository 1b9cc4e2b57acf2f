"""What the detector needs of a mail server: its log, understood line by line, and its queue.

A mail server's folder registers its own with `@register_log("name")`, beside its `MailHost`; one
that has a log and no `MailHost` yet can be watched all the same.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import agents.mta
from agents.mta.source import LogSource


class Result(StrEnum):
    """What came of an attempt to deliver one copy to the outside."""

    SENT = "sent"
    REJECTED = "rejected"
    """A server elsewhere refused it for good, or there is no such address or domain."""
    DEFERRED = "deferred"
    """A server elsewhere put it off: it answered 4xx."""
    UNTOLD = "untold"
    """No answer, as when the network is down: that says nothing of the mail."""


@dataclass(frozen=True, slots=True)
class Began:
    """A message is in the queue, or is taken up again."""

    at: int
    """Unix seconds, by the log."""
    queue_id: str
    sender: str
    """Envelope sender; empty for a bounce."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt to deliver one copy to the outside; those to local recipients are none."""

    at: int
    queue_id: str
    recipient: str
    result: Result
    host: str = ""
    """The other server's name; empty where none was reached."""
    said: str = ""
    """What it answered, where it refused or put off; to another message, if none was tried."""
    source: str | None = None
    """The address of ours that it left from; None where neither log nor configuration says."""


@dataclass(frozen=True, slots=True)
class Over:
    """A message has left the queue."""

    at: int
    queue_id: str


Event = Began | Tried | Over


class TrafficLog(Protocol):
    """A mail server's log and queue, as far as the traffic of this host goes."""

    @property
    def name(self) -> str:
        """Such as "postfix"."""

    async def file(self) -> LogSource:
        """Where the log is now, once what tells outgoing mail is known. Raises NoLog."""

    def understood(self, line: bytes, now: int) -> Event | None:
        """What a line says; `now` (Unix seconds) gives the year where it has none."""

    async def waiting(self) -> Mapping[str, int] | None:
        """How many messages are in the queue, by sender domain; None where it cannot be read."""


Maker = Callable[[str], TrafficLog]
_makers: dict[str, Maker] = {}


def register_log(name: str) -> Callable[[Maker], Maker]:
    """Make the log known of mail servers whose address begins with `name:`."""

    def keep(maker: Maker) -> Maker:
        _makers[name] = maker
        return maker

    return keep


def traffic_log(address: str) -> TrafficLog | None:
    """The log of the mail server at an address such as `postfix:/etc/postfix`; None if unknown."""
    for module in pkgutil.iter_modules(agents.mta.__path__, "agents.mta."):
        importlib.import_module(module.name)
    name, _, rest = address.partition(":")
    maker = _makers.get(name)
    return None if maker is None else maker(rest)
