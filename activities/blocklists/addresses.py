"""Which addresses to ask about."""

from collections import deque
from collections.abc import Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

_SITE = 64
"""Bits of an IPv6 site. Lists keep IPv6 by /64: one address tells of all in it."""


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


def expanded(prefix: str, after: str | None, *, sites: int) -> Iterator[str]:
    """The addresses of a prefix that come after one, in order; all if that is None.

    Of an IPv6 prefix the first of each /64, of at most so many `sites`; one that is longer is
    asked about by its first address.
    """
    network = ip_network(prefix)
    first, step = int(network.network_address), 1
    many = network.num_addresses
    if isinstance(network, IPv6Network):
        step = 1 << (128 - _SITE)
        many = min(max(many // step, 1), sites)
    start = 0
    if after is not None:
        known = ip_address(after)
        if known.version > network.version:
            return
        if known.version == network.version:
            start = max(0, (int(known) - first) // step + 1)
    kind = IPv4Address if isinstance(network, IPv4Network) else IPv6Address
    for number in range(start, many):
        yield str(kind(first + number * step))
