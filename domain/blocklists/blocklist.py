"""What is known of a blocklist: what can be looked up in it, what it means, how one gets off."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, ip_network

LISTINGS = ip_network("127.0.0.0/8")
"""RFC 5782 §2.1: an answer from anywhere else is no listing, but somebody's mistake."""

REFUSALS = (IPv4Network("127.255.255.0/24"),)
"""Spamhaus and others answer from there instead of listing: queries through an open resolver
(.254), too many of them (.255), a zone's name mistyped (.252)."""

PER_SECOND = 50
"""Of a list whose terms name no figure: what its name servers would not notice."""


def is_asked(zone: str) -> bool:
    """Whether it is a DNS list; a pseudo-zone, of what a receiver says, is one word without a dot.

    No check of the lists says that something is off a pseudo-zone: who put it there does.
    """
    return "." in zone


class Keeps(StrEnum):
    """What a list is a list of."""

    IP4 = "ip4"
    IP6 = "ip6"
    DOMAIN = "domain"


class WayOff(StrEnum):
    """How an address gets off a list, once the cause is gone."""

    EXPIRES = "expires"
    """By itself, some hours after the last that it did."""
    FORM = "form"
    """A person fills in a form at the list's page."""
    LIST = "list"
    """Nobody but the list itself decides."""


class By(StrEnum):
    """How a list takes a request from a program, once the cause is gone."""

    MAIL = "mail"
    VISIT = "visit"
    """One HTTP request that comes from the listed address itself."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """Where a list takes requests, and for which of its listings; `source` is its page on that."""

    by: By
    to: str
    """A mail address, or a URL."""
    source: str
    codes: tuple[IPv4Network, ...] = ()
    """Answers of the listings that it takes; of all, if there are none."""
    reference: str = ""
    """A regular expression: what the list's reason has, and the request must name."""

    def takes(self, code: IPv4Address) -> bool:
        return not self.codes or any(code in network for network in self.codes)

    def named_in(self, reason: str) -> str | None:
        """The reference, empty where none is wanted; None where the reason has none."""
        if not self.reference:
            return ""
        found = re.search(self.reference, reason)
        return found[0] if found is not None else None


@dataclass(frozen=True, kw_only=True)
class Blocklist:
    """One list. `zone` is shown and kept on record; what is asked may have a secret key before it.

    `codes` explains answers; one that it does not name is a listing all the same.
    """

    zone: str
    name: str = ""
    keeps: frozenset[Keeps] = frozenset({Keeps.IP4, Keeps.IP6})
    codes: Mapping[IPv4Address, str] = field(default_factory=dict)
    refusals: tuple[IPv4Network, ...] = REFUSALS
    good: tuple[IPv4Network, ...] = ()
    """Answers by which a list praises an address."""
    listed: str | None = None
    clean: str | None = None
    """Test points, where they are not those of RFC 5782 §5."""
    weight: int = 1
    """From 3, by which most large receivers refuse, to 0, a policy that is no reproach."""
    off: WayOff = WayOff.FORM
    hours: int | None = None
    """Until a listing expires; None where it does not, or where the list does not say."""
    page: str = ""
    note: str = ""
    """What a person has to know who asks there."""
    requests: tuple[Request, ...] = ()
    """What takes requests from a program; the first that fits is used, and no form."""
    policy: tuple[IPv4Network, ...] = ()
    """Answers that say nothing of what the address itself has sent."""
    per_second: int = PER_SECOND
    """Questions."""
    per_day: int | None = None
    """Questions, as its terms of use say; None where they name no figure."""

    def reproaches(self, codes: Iterable[IPv4Address]) -> bool:
        """Whether a listing with these answers speaks against who has the address."""
        return self.weight > 0 and any(
            not any(code in network for network in self.policy) for code in codes
        )

    def meaning(self, code: IPv4Address) -> str:
        """What an answer says, such as `127.0.0.4 (XBL: compromised machine)`."""
        known = self.codes.get(code)
        return f"{code} ({known})" if known else str(code)


@dataclass(frozen=True, kw_only=True)
class Dead:
    """A list that has ended: it must not be asked. `since` is a month, `2024-06`."""

    zone: str
    since: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The lists that are known, by their zones; `keyed` are the zones of subscribers."""

    lists: Mapping[str, Blocklist]
    keyed: Mapping[str, Blocklist]
    dead: tuple[Dead, ...] = ()
    feeds: Mapping[str, Blocklist] = field(default_factory=dict)
    """What is no DNS list and is treated as one, by its pseudo-zone."""

    def ended(self, zone: str) -> Dead | None:
        """Whether a zone is of a list that has ended, or lies below one."""
        return next((d for d in self.dead if f".{zone}".endswith(f".{d.zone}")), None)

    def known(self, zone: str) -> Blocklist:
        """What is known of a zone; of one that is not in here, what RFC 5782 says of every list.

        `KEY.zen.dq.spamhaus.net` is known as `zen.dq.spamhaus.net`: the key is a secret.
        """
        if (found := self.lists.get(zone) or self.feeds.get(zone)) is not None:
            return found
        for keyed, entry in self.keyed.items():
            if f".{zone}".endswith(f".{keyed}"):
                return entry
        return Blocklist(zone=zone)
