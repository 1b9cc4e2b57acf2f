"""What blocklists say about a service's addresses."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address


@dataclass(frozen=True, kw_only=True)
class Found:
    """A listing."""

    address: str
    zone: str
    answer: str
    """Such as `127.0.0.2`, which the list explains on its pages; several are joined by ", "."""
    reason: str
    """What the list says about it, mostly a link; may be empty."""


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """A list that gave no usable answer about one address at least."""

    zone: str
    why: str

    def __str__(self) -> str:
        return f"{self.zone}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the lists said. Absence from `found` means little: ask `is_off`."""

    addresses: tuple[str, ...]
    """Asked about, in canonical form."""
    zones: tuple[str, ...]
    found: tuple[Found, ...]
    unanswered: tuple[Unanswered, ...] = ()
    without_ipv6: tuple[str, ...] = ()
    """Zones that are well and keep no list of IPv6 addresses, so were not asked about those."""

    def is_off(self, address: str, zone: str) -> bool:
        """Whether this check shows that the address is not on the list."""
        known = canonical(address)
        asked = str(known) in self.addresses and zone in self.zones
        silent = any(each.zone == zone for each in self.unanswered)
        silent = silent or (known.version == 6 and zone in self.without_ipv6)
        listed = any((each.address, each.zone) == (str(known), zone) for each in self.found)
        return asked and not silent and not listed


def canonical(address: str) -> IPv4Address | IPv6Address:
    """The address to ask about; one of IPv4 in IPv6's clothes is of IPv4. Raises ValueError."""
    known = ip_address(address)
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return mapped or known
