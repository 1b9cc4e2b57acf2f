"""The table `inet plazo`, as text that nft(8) takes and as what it lists back.

Everything that goes into the text is an `ipaddress` object, a port or a word of this file: there is
no way for a name from outside to get there.

- `block` drops before connection tracking, so that an open connection is cut like a new one, and no
  rule of another table can let it pass: a packet goes on only where every table accepts it.
- `turn` is asked for the first packet of a connection, before the place that administrators use for
  destination NAT (-100). The source stays as it is: the smarthost knows the client by it.
- `turned` counts what went to the smarthost, and drops what got past `turn`: connections that are
  older than the measure.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

Address = IPv4Address | IPv6Address

Elements = dict[str, dict[str, str]]
"""By set: each element, and where a map leads from it ("" in a set)."""

_TYPES = {
    "blocked4": "ipv4_addr",
    "blocked6": "ipv6_addr",
    "redirected4": "ipv4_addr",
    "redirected6": "ipv6_addr",
    "smarthosts4": "ipv4_addr : ipv4_addr . inet_service",
    "smarthosts6": "ipv6_addr : ipv6_addr . inet_service",
}

_CHAINS = """
chain block {
    type filter hook prerouting priority raw; policy accept;
    tcp dport 25 ip saddr @blocked4 drop
    tcp dport 25 ip6 saddr @blocked6 drop
}
chain turn {
    type nat hook prerouting priority dstnat - 10; policy accept;
    tcp dport 25 dnat ip to ip saddr map @smarthosts4
    tcp dport 25 dnat ip6 to ip6 saddr map @smarthosts6
}
chain turned {
    type filter hook forward priority filter - 10; policy accept;
    tcp dport 25 ct status & dnat == 0 ip saddr @redirected4 drop
    tcp dport 25 ct status & dnat == 0 ip6 saddr @redirected6 drop
    ct status & dnat == dnat meta l4proto tcp ct original proto-dst 25 ip saddr @redirected4 accept
    ct status & dnat == dnat meta l4proto tcp ct original proto-dst 25 ip6 saddr @redirected6 accept
}
"""


@dataclass(frozen=True, kw_only=True)
class Count:
    """What a set counted of one address; an IP packet's bytes are those of its whole."""

    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """What nft lists: the shape of the table, what is in its sets, and what they counted."""

    shape: str
    """Sets, chains and rules; "" where there is no such table, or one that we cannot read."""
    elements: Elements = field(default_factory=dict)
    counts: dict[str, dict[str, Count]] = field(default_factory=dict)
    """By set, then by address."""


NO_TABLE = Table(shape="")


def blocking(addresses: Iterable[Address]) -> Elements:
    """What the sets need for these addresses to be blocked."""
    elements: Elements = {}
    for address in addresses:
        elements.setdefault(f"blocked{address.version}", {})[str(address)] = ""
    return elements


def turning(addresses: Iterable[Address], through: Mapping[int, Address], port: int) -> Elements:
    """What the sets need for these addresses to be sent to `through`, which is by IP version."""
    elements: Elements = {}
    for address in addresses:
        leads = f"{through[address.version]} . {port:d}"
        elements.setdefault(f"redirected{address.version}", {})[str(address)] = ""
        elements.setdefault(f"smarthosts{address.version}", {})[str(address)] = leads
    return elements


def merged(parts: Iterable[Elements]) -> Elements:
    """All of them at once; where two lead one address elsewhere, the last decides."""
    whole: Elements = {}
    for part in parts:
        for name, elements in part.items():
            whole.setdefault(name, {}).update(elements)
    return whole


def whole(wanted: Elements, counts: Mapping[str, Mapping[str, Count]]) -> str:
    """One transaction that puts a new table in place of whatever is there, counts carried over."""
    lines = ["add table inet plazo", "delete table inet plazo", "table inet plazo {"]
    for name, type_ in _TYPES.items():
        kind = "map" if name.startswith("smarthosts") else "set"
        lines.append(f"{kind} {name} {{ type {type_};{'' if kind == 'map' else ' counter;'}")
        if elements := wanted.get(name):
            lines.append(f"elements = {{ {_listed(elements, counts.get(name, {}))} }}")
        lines.append("}")
    return "\n".join([*lines, _CHAINS, "}", ""])


def changes(have: Elements, wanted: Elements) -> str:
    """One transaction from one to the other; "" where they are the same."""
    lines = []
    for name in _TYPES:
        before, after = have.get(name, {}), wanted.get(name, {})
        # A map's element cannot be changed in place.
        gone = {k: v for k, v in before.items() if after.get(k) != v}
        new = {k: v for k, v in after.items() if before.get(k) != v}
        if gone:
            lines.append(f"delete element inet plazo {name} {{ {', '.join(gone)} }}")
        if new:
            lines.append(f"add element inet plazo {name} {{ {_listed(new, {})} }}")
    return "\n".join([*lines, ""]) if lines else ""


def _listed(elements: Mapping[str, str], counts: Mapping[str, Count]) -> str:
    def written(element: str, leads: str) -> str:
        if leads:
            return f"{element} : {leads}"
        count = counts.get(element, Count())
        return f"{element} counter packets {count.packets:d} bytes {count.bytes:d}"

    return ", ".join(written(element, leads) for element, leads in elements.items())


def listed(text: str) -> Table:
    """What `nft --json list table inet plazo` said."""
    try:
        return _table(json.loads(text)["nftables"])
    except (KeyError, TypeError, ValueError, AttributeError):
        # Somebody put into it what we never do: no shape of ours, so it is replaced.
        return NO_TABLE


def _table(things: list[dict[str, dict[str, Any]]]) -> Table:
    shape, elements, counts = [], {}, {}
    for thing in things:
        [(kind, what)] = thing.items()
        if kind == "metainfo":
            continue
        found = what.pop("elem", [])
        del what["handle"]
        shape.append({kind: what})
        if kind == "set" and found:
            both = [each["elem"] for each in found]
            elements[what["name"]] = {_address(each["val"]): "" for each in both}
            counts[what["name"]] = {_address(each["val"]): _count(each["counter"]) for each in both}
        elif kind == "map" and found:
            elements[what["name"]] = {_address(key): _leads(leads) for key, leads in found}
    return Table(shape=json.dumps(shape, sort_keys=True), elements=elements, counts=counts)


def _address(text: str) -> str:
    return str(ip_address(text))


def _leads(data: dict[str, Any]) -> str:
    address, port = data["concat"]
    return f"{_address(address)} . {int(port):d}"


def _count(data: dict[str, int]) -> Count:
    return Count(packets=data["packets"], bytes=data["bytes"])
