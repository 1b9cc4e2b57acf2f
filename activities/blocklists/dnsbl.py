"""Asking every configured DNS blocklist about a service's addresses."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import dns.exception
import dns.name
from dns.asyncresolver import Resolver

from activities.blocklists.catalogue import catalogue
from activities.blocklists.port import Checked, Found, Subject, Unanswered, kind_of, subject
from activities.blocklists.zone import Dnsbl, NotKept, NoUsableAnswer
from domain.blocklists import Keeps

_AT_ONCE = 32
"""Questions under way at a time: what a small resolver takes without dropping any."""

_PATIENCE = 3
"""Questions that a list may leave unanswered before it is asked no more in this check."""

_SITE = 64
"""Bits of an IPv6 site. Lists keep IPv6 by /64: one address tells of all in it."""


class BadBlocklists(ValueError):
    """A zone or a resolver is written wrongly; the message says which, and how to write it."""


def addresses_in(prefixes: Sequence[str], *, at_most: int = 256) -> tuple[str, ...]:
    """Single addresses of the prefixes (CIDR), in turn from each, so that none is left out whole.

    An IPv4 prefix gives every address in it (a rented block has use for its first and last, too);
    an IPv6 prefix of /64 or shorter gives the first address of each /64. Addresses that are known
    to have sent should be put first, as prefixes of their own. Raises ValueError for what is no
    prefix.
    """
    found: dict[str, None] = {}
    turns = deque(_each(ip_network(prefix, strict=False)) for prefix in prefixes)
    while turns and len(found) < at_most:
        turn = turns.popleft()
        if (address := next(turn, None)) is not None:
            found[address] = None
            turns.append(turn)
    return tuple(found)


def _each(network: IPv4Network | IPv6Network) -> Iterator[str]:
    if isinstance(network, IPv6Network) and network.prefixlen < _SITE:
        return (str(site.network_address) for site in network.subnets(new_prefix=_SITE))
    if isinstance(network, IPv6Network) and network.prefixlen == _SITE:
        return iter((str(network.network_address),))
    return (str(address) for address in network)


class Blocklists:
    """The lists that the provider watches.

    `resolver` is `HOST:PORT` with an IP address as host; without it, those of /etc/resolv.conf.
    Large lists refuse to answer open resolvers, so it should be the provider's own.
    `answer_within` bounds one question, `check_within` a whole check, both in seconds.
    Raises BadBlocklists.
    """

    def __init__(
        self,
        zones: Sequence[str],
        resolver: str | None = None,
        *,
        answer_within: float = 5.0,
        check_within: float = 60.0,
    ) -> None:
        asked = _resolver(resolver)
        asked.timeout = answer_within / 2  # a datagram may be lost: time for a second
        self._lists = [
            Dnsbl(zone, asked, answer_within) for zone in dict.fromkeys(map(_zone, zones))
        ]
        self._check_within = check_within
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def check(self, addresses: Sequence[str]) -> Checked:
        """Ask every list about every address or domain. Raises ValueError for what is neither.

        A list that is not well, refuses, or does not answer is `unanswered`, never clean.
        """
        known = tuple(dict.fromkeys(subject(address) for address in addresses))
        heard = [_Heard(each) for each in self._lists]
        tasks = [asyncio.ensure_future(self._ask(each, known)) for each in heard]
        try:
            _, late = await asyncio.wait(tasks, timeout=self._check_within) if tasks else ((), ())
            for each, task in zip(heard, tasks, strict=True):
                if task in late:
                    each.problems.append(f"not done within {self._check_within:g} s")
                else:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Checked(
            addresses=tuple(str(address) for address in known),
            zones=tuple(each.blocklist.zone for each in heard),
            found=tuple(found for each in heard for found in each.listings()),
            unanswered=tuple(
                Unanswered(zone=each.blocklist.zone, why=each.problems[0])
                for each in heard
                if each.problems
            ),
            not_kept=tuple((each.blocklist.zone, kind) for each in heard for kind in each.not_kept),
        )

    async def _ask(self, heard: "_Heard", subjects: Sequence[Subject]) -> None:
        for kind in Keeps:
            asked = [about for about in subjects if kind_of(about) is kind]
            if not asked:
                continue
            try:
                async with self._room:
                    await heard.blocklist.see_that_it_is_well(kind)
                await asyncio.gather(*(self._ask_about(about, heard) for about in asked))
                if heard.found:
                    # It may have begun to list everything since its test points were believed.
                    async with self._room:
                        await heard.blocklist.see_that_it_is_well(kind, again=True)
                heard.confirm()
            except NotKept:
                heard.not_kept.append(kind)
            except NoUsableAnswer as error:
                heard.problems.append(str(error))
                heard.found.clear()

    async def _ask_about(self, about: Subject, heard: "_Heard") -> None:
        async with self._room:
            if len(heard.problems) >= _PATIENCE:
                return
            try:
                if codes := await heard.blocklist.listed(about):
                    heard.found[about] = (", ".join(codes), await heard.blocklist.reason(about))
            except NoUsableAnswer as error:
                heard.problems.append(str(error))


@dataclass
class _Heard:
    """What one list has said so far, in one check."""

    blocklist: Dnsbl
    found: dict[Subject, tuple[str, str]] = field(default_factory=dict)
    confirmed: dict[Subject, tuple[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    not_kept: list[Keeps] = field(default_factory=list)

    def confirm(self) -> None:
        """The list is well: what was found counts."""
        self.confirmed |= self.found
        self.found.clear()

    def listings(self) -> list[Found]:
        zone = self.blocklist.zone
        return [
            Found(address=str(address), zone=zone, answer=answer, reason=reason)
            for address, (answer, reason) in sorted(self.confirmed.items(), key=lambda i: str(i[0]))
        ]


def _zone(text: str) -> str:
    try:
        name = dns.name.from_text(text.strip().lower())
    except dns.exception.DNSException as error:
        raise BadBlocklists(f'"{text}": {error}; expected a zone such as bl.example') from error
    if len(name.labels) < 3:
        raise BadBlocklists(f'"{text}" is not a blocklist\'s zone; expected one such as bl.example')
    zone = name.to_text(omit_final_dot=True)
    if (ended := catalogue().ended(zone)) is not None:
        raise BadBlocklists(f'"{text}" has ended ({ended.since}): {ended.why}; take it out')
    return zone


def _resolver(address: str | None) -> Resolver:
    if address is None:
        return Resolver()
    host, _, port = address.rpartition(":")
    try:
        known = str(ip_address(host.strip("[]")))
        number = int(port)
    except ValueError:
        known, number = "", 0
    if not 1 <= number <= 65535:
        raise BadBlocklists(
            f'"{address}" is no resolver; expected IP:PORT, such as 127.0.0.1:53 or [::1]:53'
        )
    resolver = Resolver(configure=False)
    resolver.nameservers = [known]
    resolver.port = number
    return resolver
