"""An administrator's `transport_maps` (transport(5)) under a measure that routes mail.

That setting has the last word on every destination, whoever sends. So the queue manager's own
resolver (agents/mta/postfix/resolver.py) gets copies of its tables, in which

- while everybody is redirected, no entry leads to other hosts by SMTP;
- while everybody is limited, such an entry keeps its next hop and has a transport that is limited;
- while only domains are, the entry for all destinations ("*") is not there, because our table of
  senders has it, for everybody else. What is listed by destination cannot depend on the sender.

Entries for the host's own domains, for other kinds of delivery and for this machine (filters) stay
as they are. A table whose entries postmap(1) cannot list, such as `regexp` or `mysql`, stays whole;
the observation says so.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.mta.postfix.commands import Commands, PostfixFailed, WithoutAWord
from agents.mta.postfix.domains import classes, items, own_domains
from agents.mta.postfix.routes import LIMIT, Own, Plan, Reach, limit_of
from agents.mta.postfix.services import Services

SETTING = "transport_maps"
COPY, USUAL = "plazo-destinations", "plazo-destinations-usual"
_HERE = re.compile(r"\[?(127[.][0-9.]+|localhost|(IPv6:)?::1)\]?(:.*)?")
_WRITTEN = "# Written by the Plazo host agent; changes are undone."
_ALL = "*"

Entries = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Routing:
    """An administrator's tables, in their order."""

    tables: tuple[str, ...] = ()
    entries: dict[str, Entries] = field(default_factory=dict)
    """Of those tables that can be listed."""
    clients: tuple[str, ...] = ()
    """The transports that lead to other hosts by SMTP."""
    own: frozenset[str] = frozenset()
    """The domains that the host receives for: those among the keys, and those with a name."""
    hostname: str = ""

    @property
    def usual(self) -> str:
        """Where "*" leads, if that is to other hosts."""
        found = next((each[_ALL] for each in self.entries.values() if _ALL in each), "")
        return found if found and self.outward(found) else ""

    @property
    def opaque(self) -> list[str]:
        return [each for each in self.tables if each not in self.entries]

    def outward(self, route: str) -> bool:
        transport, _, hop = route.partition(":")
        return transport in ("", *self.clients) and not _HERE.fullmatch(hop)

    def is_own(self, key: str) -> bool:
        domain = key.rpartition("@")[2].lstrip(".").lower()
        return any(domain == each or domain.endswith(f".{each}") for each in self.own)


@dataclass(frozen=True, kw_only=True)
class Destinations:
    """What the resolver gets: the setting ("" is the server's own), its files, and the transports
    that are cloned as limited ones."""

    setting: str = ""
    files: dict[str, str] = field(default_factory=dict)
    limited: frozenset[str] = frozenset()


async def routing(commands: Commands) -> Routing:
    """As it is configured now. Raises PostfixFailed."""
    hostname = await commands.setting("myhostname", expanded=True)
    tables = items(await commands.setting(SETTING, expanded=True))
    if not tables:
        return Routing(hostname=hostname)
    listed = {each: await _listed(commands, each) for each in tables}
    entries = {name: found for name, found in listed.items() if found is not None}
    keys = {each.rpartition("@")[2].lstrip(".") for found in entries.values() for each in found}
    names, more = await classes(commands)
    own = names | {each for each in await own_domains(commands, keys - {_ALL}) if each}
    for table in more:
        own |= {each.lower() for each in await _listed(commands, table) or () if "@" not in each}
    return Routing(
        tables=tuple(tables),
        entries=entries,
        clients=tuple((await Services.read(commands)).outward()),
        own=frozenset(own),
        hostname=hostname,
    )


def known(found: Routing) -> Own:
    """What the routes have to know of it."""
    return Own(hostname=found.hostname, usual=found.usual)


def destinations(found: Routing, plan: Plan, client: str) -> Destinations:
    """How the resolver is to see them under this plan; `client` is the usual transport."""
    if not found.entries or plan.reach is Reach.NOBODY:
        return Destinations()
    files, names = {}, []
    for number, table in enumerate(found.tables):
        if table not in found.entries:
            names.append(table)
            continue
        name = f"{COPY}-{number}"
        changed = {
            k: _route(found, plan.reach, client, k, v) for k, v in found.entries[table].items()
        }
        files[name] = _file((key, route) for key, route in changed.items() if route is not None)
        names.append(f"texthash:$config_directory/{name}")
    if found.usual:
        # What the host receives for was routed by it too, and is not the measure's.
        files[USUAL] = _file((each, found.usual) for each in sorted(found.own))
        names.append(f"texthash:$config_directory/{USUAL}")
    limited = frozenset(found.clients) - {client} if plan.reach.limits_all else frozenset()
    return Destinations(setting=", ".join(names), files=files, limited=limited)


def beyond(found: Routing, plan: Plan) -> str:
    """What a route of ours does not reach; a hold reaches it."""
    if plan.reach is Reach.NOBODY:
        return ""
    listed = [
        key
        for entries in found.entries.values()
        for key, route in entries.items()
        if key != _ALL and found.outward(route) and not found.is_own(key)
    ]
    parts = []
    if found.opaque:
        parts.append(f"what transport_maps has in {', '.join(found.opaque)} passes it by")
    if listed and plan.reach.by_domain:
        parts.append(
            f"transport_maps routes {len(listed)} destinations whoever sends ({listed[0]}, …), so"
            " that a domain's measure does not reach them"
        )
    return "; ".join(parts)


def _route(found: Routing, reach: Reach, client: str, key: str, route: str) -> str | None:
    """What an entry becomes; None for one that is not there."""
    if found.is_own(key) or not found.outward(route):
        return route
    if reach.redirects_all or (reach.by_domain and key == _ALL):
        return None
    if not reach.limits_all:
        return route
    transport, _, hop = route.partition(":")
    return f"{LIMIT if transport in ('', client) else limit_of(transport)}:{hop}"


async def _listed(commands: Commands, table: str) -> Entries | None:
    """The table's entries by key; None where they cannot be listed, or written down in another."""
    try:
        printed = await commands.run("postmap", "-s", table.removeprefix("proxy:"))
    except WithoutAWord:
        return {}
    except PostfixFailed:
        return None
    entries = dict(line.split("\t", 1) for line in printed.splitlines() if "\t" in line)
    if any(re.search(r"\s|^#", key) for key in entries):
        return None
    return entries


def _file(entries: Iterable[tuple[str, str]]) -> str:
    return "\n".join([_WRITTEN, *(f"{key} {route}" for key, route in entries), ""])
