"""Reading the catalogue of blocklists, and what is wrong with an entry."""

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_address

from domain.blocklists.blocklist import (
    PER_SECOND,
    REFUSALS,
    Blocklist,
    By,
    Catalogue,
    Dead,
    Keeps,
    Request,
    WayOff,
)
from domain.intake.complaints import canonical_domain, canonical_mailbox


class BadCatalogue(ValueError):
    """An entry of the catalogue is wrong; the message says which, and how to write it."""


def read_catalogue(given: Mapping[str, object]) -> Catalogue:
    """Read what a TOML file holds: `[[list]]`, `[[feed]]` and `[[dead]]`. Raises BadCatalogue."""
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
    feeds = dict(_feed(number, one) for number, one in enumerate(_tables(given, "feed"), 1))
    catalogue = Catalogue(lists=lists, keyed=keyed, dead=dead, feeds=feeds)
    for zone in (*lists, *keyed):
        if (ended := catalogue.ended(zone)) is not None:
            raise BadCatalogue(f'"{zone}" is among the lists, and has ended: {ended.why}')
    return catalogue


_FIELDS = frozenset({
    "name", "zone", "keyed", "keeps", "codes", "refusals", "good", "policy", "listed", "clean",
    "weight", "off", "hours", "page", "note", "request", "per_second", "per_day",
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
            note=str(one.get("note", "")),
            requests=tuple(_request(where, each) for each in _tables(one, "request")),
            policy=_networks(where, "policy", one),
            per_second=PER_SECOND if per_second is None else per_second,
            per_day=_number(where, one, "per_day", 1),
        )
    except ValueError as error:
        raise BadCatalogue(f"{where}: {error}") from error


_REQUEST = frozenset({"by", "to", "source", "codes", "reference"})


def _request(where: str, one: Mapping[str, object]) -> Request:
    if unknown := sorted(set(one) - _REQUEST):
        raise BadCatalogue(
            f"{where}: request: unknown {', '.join(unknown)}; there are {_named(_REQUEST)}"
        )
    by, to, source = (str(one.get(name, "")) for name in ("by", "to", "source"))
    if by not in set(By):
        raise BadCatalogue(f'{where}: request by "{by}"; write one of {_named(By)}')
    if by == By.MAIL and canonical_mailbox(to) != to:
        raise BadCatalogue(f'{where}: request to "{to}" is no mail address')
    if by == By.VISIT and not to.startswith(("http://", "https://")):
        raise BadCatalogue(f'{where}: request to "{to}" is no web address')
    if not source.startswith(("http://", "https://")):
        raise BadCatalogue(f"{where}: request without the list's page on it; write source")
    reference = str(one.get("reference", ""))
    try:
        re.compile(reference)
    except re.error as error:
        raise BadCatalogue(f'{where}: reference "{reference}": {error}') from error
    return Request(
        by=By(by), to=to, source=source, codes=_networks(where, "codes", one), reference=reference
    )


_PSEUDO_ZONE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FEED = frozenset({"name", "zone", "weight", "page", "note"})


def _feed(number: int, one: Mapping[str, object]) -> tuple[str, Blocklist]:
    """What is no DNS list: nothing can be looked up in it."""
    where = f"feed {number} ({one.get('name', 'without a name')})"
    if unknown := sorted(set(one) - _FEED):
        raise BadCatalogue(f"{where}: unknown {', '.join(unknown)}; there are {_named(_FEED)}")
    zone = str(one.get("zone", ""))
    if not _PSEUDO_ZONE.fullmatch(zone):
        raise BadCatalogue(f'{where}: zone "{zone}"; write one word without a dot')
    weight = _number(where, one, "weight", 0, 3)
    return zone, Blocklist(
        zone=zone,
        name=str(one.get("name", "")),
        keeps=frozenset(),
        weight=1 if weight is None else weight,
        page=str(one.get("page", "")),
        note=str(one.get("note", "")),
    )


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
