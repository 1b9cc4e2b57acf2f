"""What is known of a blocklist: what can be looked up in it, what it means, how one gets off."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

from domain.complaints import canonical_domain

LISTINGS = ip_network("127.0.0.0/8")
"""RFC 5782 §2.1: an answer from anywhere else is no listing, but somebody's mistake."""

REFUSALS = (IPv4Network("127.255.255.0/24"),)
"""Spamhaus and others answer from there instead of listing: queries through an open resolver
(.254), too many of them (.255), a zone's name mistyped (.252)."""

_PER_SECOND = 50
"""Of a list whose terms name no figure: what its name servers would not notice."""


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
    MAIL = "mail"
    """A person writes to the list."""
    LIST = "list"
    """Nobody but the list itself decides."""


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
    policy: tuple[IPv4Network, ...] = ()
    """Answers that say nothing of what the address itself has sent."""
    per_second: int = _PER_SECOND
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


class BadCatalogue(ValueError):
    """An entry of the catalogue is wrong; the message says which, and how to write it."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The lists that are known, by their zones; `keyed` are the zones of subscribers."""

    lists: Mapping[str, Blocklist]
    keyed: Mapping[str, Blocklist]
    dead: tuple[Dead, ...] = ()

    def ended(self, zone: str) -> Dead | None:
        """Whether a zone is of a list that has ended, or lies below one."""
        return next((d for d in self.dead if f".{zone}".endswith(f".{d.zone}")), None)

    def known(self, zone: str) -> Blocklist:
        """What is known of a zone; of one that is not in here, what RFC 5782 says of every list.

        `KEY.zen.dq.spamhaus.net` is known as `zen.dq.spamhaus.net`: the key is a secret.
        """
        if (found := self.lists.get(zone)) is not None:
            return found
        for keyed, entry in self.keyed.items():
            if zone.endswith(f".{keyed}"):
                return entry
        return Blocklist(zone=zone)


def read_catalogue(given: Mapping[str, object]) -> Catalogue:
    """Read what a TOML file holds: `[[list]]` and `[[dead]]`. Raises BadCatalogue."""
    lists: dict[str, Blocklist] = {}
    keyed: dict[str, Blocklist] = {}
    for number, one in enumerate(_tables(given, "list"), 1):
        where = f"list {number} ({one.get('name', 'without a name')})"
        zone, entry = _entry(where, one)
        if zone in lists:
            raise BadCatalogue(f'{where}: "{zone}" is there twice; keep one of them')
        lists[zone] = entry
        if "keyed" in one:
            subscribers = _zone(where, "keyed", one["keyed"])
            keyed[subscribers] = _with_zone(entry, subscribers)
    dead = tuple(
        Dead(
            zone=_zone(f"dead {number}", "zone", one.get("zone")),
            since=str(one.get("since", "")),
            why=str(one.get("why", "")),
        )
        for number, one in enumerate(_tables(given, "dead"), 1)
    )
    catalogue = Catalogue(lists=lists, keyed=keyed, dead=dead)
    for zone in (*lists, *keyed):
        if (ended := catalogue.ended(zone)) is not None:
            raise BadCatalogue(f'"{zone}" is among the lists, and has ended: {ended.why}')
    return catalogue


_FIELDS = frozenset({
    "name", "zone", "keyed", "keeps", "codes", "refusals", "good", "policy", "listed", "clean",
    "weight", "off", "hours", "page", "per_second", "per_day",
})  # fmt: skip


def _entry(where: str, one: Mapping[str, object]) -> tuple[str, Blocklist]:
    if unknown := sorted(set(one) - _FIELDS):
        raise BadCatalogue(f"{where}: unknown {', '.join(unknown)}; there are {_named(_FIELDS)}")
    zone = _zone(where, "zone", one.get("zone"))
    codes = one.get("codes", {})
    if not isinstance(codes, dict):
        raise BadCatalogue(f'{where}: codes is no table; write "127.0.0.2" = "meaning"')
    weight = _number(where, one, "weight", 0, 3)
    per_second = _number(where, one, "per_second", 1)
    try:
        return zone, Blocklist(
            zone=zone,
            name=str(one.get("name", "")),
            keeps=frozenset(Keeps(kind) for kind in _texts(where, "keeps", one)),
            codes={IPv4Address(code): str(said) for code, said in codes.items()},
            refusals=_networks(where, "refusals", one) or REFUSALS,
            good=_networks(where, "good", one),
            listed=_point(one.get("listed")),
            clean=_point(one.get("clean")),
            weight=1 if weight is None else weight,
            off=WayOff(str(one.get("off", WayOff.FORM))),
            hours=_number(where, one, "hours", 1),
            page=str(one.get("page", "")),
            policy=_networks(where, "policy", one),
            per_second=_PER_SECOND if per_second is None else per_second,
            per_day=_number(where, one, "per_day", 1),
        )
    except ValueError as error:
        raise BadCatalogue(f"{where}: {error}") from error


def _with_zone(entry: Blocklist, zone: str) -> Blocklist:
    # What a subscriber may ask is in their contract, not in the public terms.
    return replace(entry, zone=zone, per_day=None)


def _number(
    where: str, one: Mapping[str, object], name: str, least: int, most: int | None = None
) -> int | None:
    found = one.get(name)
    if found is None:
        return None
    if type(found) is not int or found < least or (most is not None and found > most):
        span = f"{least} or more" if most is None else f"from {least} to {most}"
        raise BadCatalogue(f"{where}: {name} {found!r}; write a whole number, {span}")
    return found


def _tables(given: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = given.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadCatalogue(f"{name}: write each as [[{name}]]")
    return found


def _texts(where: str, name: str, one: Mapping[str, object]) -> list[str]:
    found = one.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise BadCatalogue(f'{where}: {name} {found!r}; write a list of words, such as ["ip4"]')
    if name == "keeps" and not found:
        raise BadCatalogue(f"{where}: keeps nothing; write one of {_named(Keeps)}")
    return found


def _networks(where: str, name: str, one: Mapping[str, object]) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(text) for text in _texts(where, name, one))


def _zone(where: str, name: str, text: object) -> str:
    zone = canonical_domain(text) if isinstance(text, str) else None
    if zone is None:
        raise BadCatalogue(f"{where}: {name} {text!r} is no zone; write one such as bl.example")
    return zone


def _point(text: object) -> str | None:
    """An IP address or a domain."""
    if text is None:
        return None
    point = str(text)
    if canonical_domain(point) is None:
        ip_address(point)
    return point


def _named(words: object) -> str:
    return ", ".join(sorted(map(str, words)))  # type: ignore[call-overload]
