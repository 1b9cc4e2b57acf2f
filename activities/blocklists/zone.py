"""One list: how it is asked, what its answers mean, and whether it is well (RFC 5782)."""

import re
import time
from ipaddress import IPv4Address, IPv6Address

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.reversename
from dns.asyncresolver import Resolver

from activities.blocklists.catalogue import catalogue
from activities.blocklists.port import Subject, kind_of, subject
from domain.blocklists import LISTINGS, Keeps

_LISTED_POINTS: dict[Keeps, Subject] = {
    Keeps.IP4: IPv4Address("127.0.0.2"),
    Keeps.IP6: IPv6Address("::ffff:127.0.0.2"),
    Keeps.DOMAIN: "test",
}
_CLEAN_POINTS: dict[Keeps, Subject] = {
    Keeps.IP4: IPv4Address("127.0.0.1"),
    Keeps.IP6: IPv6Address("::ffff:127.0.0.1"),
    Keeps.DOMAIN: "invalid",
}
"""RFC 5782 §5: every list has the one and must not have the other."""

_WELL_FOR = 300.0
"""Seconds that right test points are believed. What is wrong with a list is asked again at once."""

_LONGEST_REASON = 500
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


class NoUsableAnswer(Exception):
    """The list gave no answer that can be believed; the message says what it did instead."""


class NotKept(Exception):
    """It is a list of other things: by what is known of it, or because it is well and has no test
    point for IPv6."""


class Dnsbl:
    """A list, by the name that is asked, through a resolver. `seconds` bounds each question.

    What is asked may begin with a subscriber's key; `known.zone` is the name without it.
    """

    def __init__(self, asked: str, resolver: Resolver, seconds: float) -> None:
        self.known = catalogue().known(asked)
        self._origin = dns.name.from_text(asked)
        self._resolver = resolver
        self._seconds = seconds
        self._well_since: dict[Keeps, float] = {}

    @property
    def zone(self) -> str:
        """Its name, as it is shown and kept on record."""
        return self.known.zone

    async def listed(self, about: Subject) -> tuple[str, ...]:
        """The answers of a listing, such as `127.0.0.2`, each with its meaning where it is known;
        none if it is not listed. Raises NoUsableAnswer.
        """
        try:
            answer = await self._ask(about, "A")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.DNSException as error:
            raise NoUsableAnswer(_words(error)) from error
        codes = sorted(IPv4Address(record.to_text()) for record in answer)
        for code in codes:
            if any(code in refused for refused in self.known.refusals):
                raise NoUsableAnswer(f"refused to answer ({code})")
            if code not in LISTINGS:
                raise NoUsableAnswer(f"answered {code}, which is not from {LISTINGS}")
        bad = [code for code in codes if not any(code in praise for praise in self.known.good)]
        return tuple(map(self.known.meaning, bad))

    async def reason(self, about: Subject) -> str:
        """What the list says about a listing, mostly a link; empty if it says nothing."""
        try:
            answer = await self._ask(about, "TXT")
        except dns.exception.DNSException:
            return ""
        texts = (b"".join(record.strings).decode("utf-8", "replace") for record in answer)
        return _UNPRINTABLE.sub(" ", " ".join(sorted(texts))).strip()[:_LONGEST_REASON]

    async def see_that_it_is_well(self, kind: Keeps, *, again: bool = False) -> None:
        """Check its test points for such things, once in a while or `again` now.

        A list that was given up lists nothing, or everything. Raises NoUsableAnswer, NotKept.
        """
        if kind not in self.known.keeps:
            raise NotKept(self.zone)
        since = self._well_since.get(kind)
        if not again and since is not None and time.monotonic() - since < _WELL_FOR:
            return
        self._well_since.pop(kind, None)
        listed, clean = self._points(kind)
        if not await self.listed(listed):
            if kind is Keeps.IP6:
                await self.see_that_it_is_well(Keeps.IP4)
                raise NotKept(self.zone)
            raise NoUsableAnswer(f"does not list its test point {listed} (RFC 5782 §5)")
        if await self.listed(clean):
            raise NoUsableAnswer(f"lists {clean}, so it lists everything (RFC 5782 §5)")
        self._well_since[kind] = time.monotonic()

    def _points(self, kind: Keeps) -> tuple[Subject, Subject]:
        """What is on it always, and what never is."""
        points = []
        for own, usual in ((self.known.listed, _LISTED_POINTS), (self.known.clean, _CLEAN_POINTS)):
            named = None if own is None else subject(own)
            points.append(named if named and kind_of(named) is kind else usual[kind])
        return points[0], points[1]

    async def _ask(self, about: Subject, kind: str) -> dns.resolver.Answer:
        return await self._resolver.resolve(
            question(about, self._origin), kind, search=False, lifetime=self._seconds
        )


def question(about: Subject, zone: dns.name.Name) -> dns.name.Name:
    """The name to ask for: `2.0.0.127.bl.example` (§2.1), nibbles for IPv6 (§2.4), a domain as it
    is (§2.3)."""
    if isinstance(about, str):
        return dns.name.from_text(about, origin=zone)
    if isinstance(about, IPv4Address):
        labels = str(about).split(".")
    else:
        labels = list(about.exploded.replace(":", ""))
    return dns.name.from_text(".".join(reversed(labels)), origin=zone)


def _words(error: dns.exception.DNSException) -> str:
    """Such as `SERVFAIL` or `no answer within 5 s`."""
    if isinstance(error, dns.exception.Timeout):
        return f"no answer within {error.kwargs['timeout']:.1f} s"
    errors = error.kwargs.get("errors") or []
    codes = {
        dns.rcode.to_text(response.rcode()) if response is not None else str(why)
        for *_, why, response in errors
    }
    return ", ".join(sorted(codes)) or type(error).__name__
