"""The name that an address has in DNS, which lists want to see."""

import dns.asyncresolver
import dns.exception
from dns.nameserver import Do53Nameserver

_SECONDS = 5.0


async def reverse_name(address: str, resolvers: str | None) -> str:
    """The first name of an address (RFC 1035 §3.5); empty where it has none, or nobody answers.

    `resolvers` is `IP:PORT`, or several with commas between them; None: the system's.
    """
    resolver = dns.asyncresolver.Resolver(configure=resolvers is None)
    if resolvers is not None:
        resolver.nameservers = [_server(each) for each in resolvers.split(",")]
    try:
        answer = await resolver.resolve_address(address, lifetime=_SECONDS)
    except dns.exception.DNSException:
        return ""
    return min(str(record.target).rstrip(".") for record in answer)


def _server(address: str) -> Do53Nameserver:
    host, _, port = address.strip().rpartition(":")
    return Do53Nameserver(host.strip("[]"), int(port))
