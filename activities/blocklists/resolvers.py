"""Several resolvers asked as one: whoever answers, as soon as the list usually does."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import dns.rcode
from dns.resolver import Resolver

from activities.blocklists.sockets import NOERROR, NXDOMAIN, Server

_UNHEARD = 2.0
"""Seconds after which a resolver that says nothing about anything is asked last."""

_TRIED_AGAIN = 10.0
"""Seconds between two questions that find out whether it speaks again."""

_FIRST_WAIT = 0.5
"""Seconds, at least, before a question is asked again: a resolver has to ask others, too."""


class NoReply(Exception):
    """No resolver gave an answer that says anything; the message says what they did instead."""

    def __init__(self, words: str, *, refused: bool = False, silent: bool = False) -> None:
        super().__init__(words)
        self.refused = refused
        self.silent = silent


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came, which resolver gave it, and when (Unix time)."""

    raw: bytes
    resolver: str
    at: float

    @property
    def rcode(self) -> int:
        return self.raw[3] & 15


class Patience:
    """How long one list is waited for: by how long it has taken so far (as RFC 6298 reckons).

    `longest` bounds a question with all its repetitions, in seconds.
    """

    def __init__(self, longest: float) -> None:
        self.longest = longest
        self.asked = 0
        """Questions that went out to it, repeated ones counted each time, until it is taken."""
        self._usual: float | None = None
        self._spread = 0.0

    @property
    def first(self) -> float:
        """Before the question is asked again. A datagram may be lost: time is left for a second."""
        if self._usual is None:
            return self.longest / 2
        return min(max(self._usual + 4 * self._spread, _FIRST_WAIT), self.longest / 2)

    def took(self, seconds: float) -> None:
        """An answer to a question that was asked once came after so long."""
        if self._usual is None:
            self._usual, self._spread = seconds, seconds / 2
        else:
            self._spread += (abs(seconds - self._usual) - self._spread) / 4
            self._usual += (seconds - self._usual) / 8


class Resolvers:
    """Those at `addresses`, `IP:PORT` each; without any, those of /etc/resolv.conf.

    Raises ValueError for what is no address.
    """

    def __init__(self, addresses: Sequence[str] = ()) -> None:
        self._servers = [_server(address) for address in addresses] or _of_the_system()

    async def ask(self, question: bytes, patience: Patience, *, edns: bool = False) -> Reply:
        """The first reply that says something, be it that there is no such name. Raises NoReply."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + patience.longest
        wait = patience.first
        left = self._in_order(began)
        failures: list[str] = []
        number = 0
        while left and (now := loop.time()) < until:
            server = left[number % len(left)]
            number += 1
            patience.asked += 1
            try:
                raw = await server.ask(question, min(wait, until - now), edns=edns)
            except TimeoutError:
                wait *= 2
                continue
            except OSError as error:
                failures.append(error.strerror or str(error))
                left.remove(server)
                continue
            if raw[3] & 15 in (NOERROR, NXDOMAIN):
                if number == 1:
                    patience.took(loop.time() - began)
                return Reply(raw, str(server), time.time())
            failures.append(dns.rcode.to_text(dns.rcode.Rcode(raw[3] & 15)))
            left.remove(server)
        if left:
            raise NoReply(f"no answer within {patience.longest:.1f} s", silent=True)
        said = sorted(set(failures))
        raise NoReply(", ".join(said), refused=said == ["REFUSED"])

    def _in_order(self, now: float) -> list[Server]:
        """Those that speak first. One that does not is tried now and then all the same."""
        if len(self._servers) == 1:
            return list(self._servers)
        silent = []
        speaking = []
        for server in self._servers:
            since = server.unheard_since
            if since is None or now - since < _UNHEARD:
                speaking.append(server)
            elif now - server.tried_at >= _TRIED_AGAIN:
                server.tried_at = now
                speaking.insert(0, server)
            else:
                silent.append(server)
        return speaking + silent


def _server(address: str) -> Server:
    host, _, port = address.strip().rpartition(":")
    known = str(ip_address(host.strip("[]")))
    number = int(port)
    if not 1 <= number <= 65535:
        raise ValueError(f"{number} is no port")
    return Server(known, number)


def _of_the_system() -> list[Server]:
    system = Resolver()
    return [Server(str(host), system.port) for host in system.nameservers]
