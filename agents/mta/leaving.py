"""Which address of this machine mail leaves from, where its configuration or the kernel says so."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from domain.intake.complaints import canonical_address

_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Nobody's (RFC 5737, RFC 3849), so the way there is the way to everybody. Nothing is sent."""

_INSIDE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
         "169.254.0.0/16", "0.0.0.0/8", "::/127", "fc00::/7", "fe80::/10"),
    )
)  # fmt: skip
"""RFC 1918, 6598, 1122, 3927, 4193, 4291: translated on the way out, so not what others see."""


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """The addresses that mail leaves from by IPv4 and by IPv6; None where that is not known."""

    ip4: str | None = None
    ip6: str | None = None

    def towards(self, destination: str) -> str | None:
        """The one towards an address elsewhere."""
        return self.ip6 if ":" in destination else self.ip4

    def or_else(self, other: "Leaving") -> "Leaving":
        """What this one does not know, by the other."""
        return Leaving(ip4=self.ip4 or other.ip4, ip6=self.ip6 or other.ip6)


def seen_outside(address: str) -> str | None:
    """The address, if servers elsewhere see it as it is; None for one that is translated."""
    known = canonical_address(address.strip(" []"))
    if known is None:
        return None
    parsed = ip_address(known)
    inside = any(parsed in each for each in _INSIDE if each.version == parsed.version)
    return None if inside else known


def single(addresses: Iterable[str]) -> Leaving:
    """Of the addresses in a setting, those that are alone in their family."""
    found = {each for each in map(seen_outside, addresses) if each is not None}
    ip4 = sorted(each for each in found if ":" not in each)
    ip6 = sorted(each for each in found if ":" in each)
    return Leaving(
        ip4=ip4[0] if len(ip4) == 1 else None, ip6=ip6[0] if len(ip6) == 1 else None
    )  # fmt: skip


def by_the_kernel() -> Leaving:
    """What the kernel takes for connections that nobody bound to an address."""
    return Leaving(ip4=_source(socket.AF_INET), ip6=_source(socket.AF_INET6))


def _source(family: socket.AddressFamily) -> str | None:
    try:
        # Connecting a datagram socket looks the route up and sends nothing.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 25))
            return seen_outside(probe.getsockname()[0])
    except OSError:
        return None
