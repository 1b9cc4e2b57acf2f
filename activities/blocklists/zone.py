"""One list: how it is asked, what its answers mean, and whether it is well (RFC 5782)."""

import re
import time
from ipaddress import IPv4Address, IPv6Address, ip_network

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.reversename
from dns.asyncresolver import Resolver

_LISTED = ip_network("127.0.0.0/8")
_REFUSED = ip_network("127.255.255.0/24")
"""Spamhaus and others answer from there instead of listing: queries through an open resolver
(.254), too many of them (.255), a zone's name mistyped (.252)."""

_LISTED_POINT, _CLEAN_POINT = IPv4Address("127.0.0.2"), IPv4Address("127.0.0.1")
_LISTED_POINT6, _CLEAN_POINT6 = IPv6Address("::ffff:127.0.0.2"), IPv6Address("::ffff:127.0.0.1")
"""RFC 5782 §5: every list has the one and must not have the other."""

_WELL_FOR = 300.0
"""Seconds that right test points are believed. What is wrong with a list is asked again at once."""

_LONGEST_REASON = 500
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


class NoUsableAnswer(Exception):
    """The list gave no answer that can be believed; the message says what it did instead."""


class KeepsNoIPv6(Exception):
    """The list is well, and has no test point for IPv6: it keeps a list of IPv4 addresses only."""


class Dnsbl:
    """A list, by the name of its zone, through a resolver. `seconds` bounds each question."""

    def __init__(self, zone: str, resolver: Resolver, seconds: float) -> None:
        self.zone = zone
        self._origin = dns.name.from_text(zone)
        self._resolver = resolver
        self._seconds = seconds
        self._well_since: dict[int, float] = {}

    async def listed(self, address: IPv4Address | IPv6Address) -> tuple[str, ...]:
        """The answers of a listing, such as `127.0.0.2`; none if it is not listed.

        Raises NoUsableAnswer.
        """
        try:
            answer = await self._ask(address, "A")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.DNSException as error:
            raise NoUsableAnswer(_words(error)) from error
        codes = sorted(IPv4Address(record.to_text()) for record in answer)
        for code in codes:
            if code in _REFUSED:
                raise NoUsableAnswer(f"refused to answer ({code})")
            if code not in _LISTED:
                raise NoUsableAnswer(f"answered {code}, which is not from 127.0.0.0/8")
        return tuple(str(code) for code in codes)

    async def reason(self, address: IPv4Address | IPv6Address) -> str:
        """What the list says about a listing, mostly a link; empty if it says nothing."""
        try:
            answer = await self._ask(address, "TXT")
        except dns.exception.DNSException:
            return ""
        texts = (b"".join(record.strings).decode("utf-8", "replace") for record in answer)
        return _UNPRINTABLE.sub(" ", " ".join(sorted(texts))).strip()[:_LONGEST_REASON]

    async def see_that_it_is_well(self, version: int, *, again: bool = False) -> None:
        """Check its test points for IPv4 (4) or IPv6 (6), once in a while or `again` now.

        A list that was given up lists nothing, or everything. Raises NoUsableAnswer, KeepsNoIPv6.
        """
        since = self._well_since.get(version)
        if not again and since is not None and time.monotonic() - since < _WELL_FOR:
            return
        self._well_since.pop(version, None)
        if version == 6:
            await self._check6()
        else:
            await self._check(_LISTED_POINT, _CLEAN_POINT)
        self._well_since[version] = time.monotonic()

    async def _check(
        self, listed: IPv4Address | IPv6Address, clean: IPv4Address | IPv6Address
    ) -> None:
        if not await self.listed(listed):
            raise NoUsableAnswer(f"does not list its test point {listed} (RFC 5782 §5)")
        if await self.listed(clean):
            raise NoUsableAnswer(f"lists {clean}, so it lists everything (RFC 5782 §5)")

    async def _check6(self) -> None:
        if not await self.listed(_LISTED_POINT6):
            await self.see_that_it_is_well(4)
            raise KeepsNoIPv6(self.zone)
        await self._check(_LISTED_POINT6, _CLEAN_POINT6)

    async def _ask(self, address: IPv4Address | IPv6Address, kind: str) -> dns.resolver.Answer:
        return await self._resolver.resolve(
            question(address, self._origin), kind, search=False, lifetime=self._seconds
        )


def question(address: IPv4Address | IPv6Address, zone: dns.name.Name) -> dns.name.Name:
    """The name to ask for: `2.0.0.127.bl.example` (§2.1), and nibbles for IPv6 (§2.4)."""
    if isinstance(address, IPv4Address):
        labels = str(address).split(".")
    else:
        labels = list(address.exploded.replace(":", ""))
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
