"""Lookups in a process of its own, so that its processor time and memory are its own.

`python -m benchmarks.lookups KIND ADDRESS_OF_THE_SERVER COUNT ZONE,…` prints what it found as JSON.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import dns.asyncresolver
import dns.name
import dns.resolver
import uvloop

from activities.blocklists.dnsbl import Blocklists
from activities.blocklists.naming import A, question
from activities.blocklists.port import subject
from activities.blocklists.sockets import packet
from domain.blocklists.blocklist import Blocklist, Catalogue, Keeps

AT_ONCE = 480
"""Questions under way, of ours and of the bare library's: sixteen to each of thirty lists."""

_AT_ITS_BEST = 100
"""Questions of pydnsbl's under way: with more its one socket loses answers, and it takes longer."""

_FIRST = 10 << 24

_PATIENCE = 30
"""Seconds for one lookup: the server is on the same machine, and busy."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run came to. `wall` and `cpu` are in seconds, `mebibytes` the process's peak."""

    lookups: int
    listings: int
    wall: float
    cpu: float
    mebibytes: float


Asks = Callable[[str, Sequence[str], Sequence[str]], Awaitable[tuple[int, int]]]
"""Of a server, zones and addresses: how many lookups were answered, how many were listings."""


async def ours(server: str, zones: Sequence[str], addresses: Sequence[str]) -> tuple[int, int]:
    """Everything: test points, answers classified, reasons, proofs."""
    blocklists = Blocklists(zones, server, check_within=3_600, known=unlimited(zones))
    checked = await blocklists.check(addresses)
    if checked.unanswered:
        raise RuntimeError(f"no answer: {checked.unanswered[0]}")
    return len(addresses) * len(zones), len(checked.found)


async def library(server: str, zones: Sequence[str], addresses: Sequence[str]) -> tuple[int, int]:
    """A bare gather over dnspython's stub resolver: no test points, nothing kept."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    host, _, port = server.rpartition(":")
    resolver.nameservers, resolver.port = [host], int(port)
    room = asyncio.Semaphore(AT_ONCE)

    async def ask(name: str) -> int:
        async with room:
            try:
                await resolver.resolve(name, "A", search=False, lifetime=_PATIENCE)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                return 0
            return 1

    names = (f"{'.'.join(reversed(a.split('.')))}.{zone}" for zone in zones for a in addresses)
    listed = await asyncio.gather(*map(ask, names))
    return len(listed), sum(listed)


async def pydnsbl(server: str, zones: Sequence[str], addresses: Sequence[str]) -> tuple[int, int]:
    """pydnsbl's `bulk_check`: its own classes and gather over aiodns, which is c-ares.

    It has no option for the name server, so its resolver is replaced by one of the same class and
    patience that asks ours.
    """
    import aiodns  # here, so that no other kind has their memory
    from pydnsbl import DNSBLIpChecker
    from pydnsbl.providers import Provider

    host, _, port = server.rpartition(":")
    loop = asyncio.get_running_loop()
    checker = DNSBLIpChecker(
        providers=[Provider(zone) for zone in zones], timeout=_PATIENCE, concurrency=_AT_ITS_BEST,
        loop=loop,
    )  # fmt: skip
    checker._resolver = aiodns.DNSResolver(
        nameservers=[host], loop=loop, timeout=_PATIENCE, tries=2, udp_port=int(port),
        tcp_port=int(port),
    )  # fmt: skip
    results = await asyncio.gather(*(checker.check_async(address) for address in addresses))
    await checker._resolver.close()
    answered = sum(len(each.providers) - len(each.failed_providers) for each in results)
    return answered, sum(len(each.detected_by) for each in results)


async def bare(server: str, zones: Sequence[str], addresses: Sequence[str]) -> tuple[int, int]:
    """Datagrams out and in on one socket, counted and not read: what any checker stays below."""
    loop = asyncio.get_running_loop()
    host, _, port = server.rpartition(":")
    done: asyncio.Future[None] = loop.create_future()
    queries = (
        packet(number & 0xFFFF, question(subject(address), wire, A), edns=False)
        for wire in (_wire(zone) for zone in zones)
        for number, address in enumerate(addresses)
    )
    left = len(zones) * len(addresses)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        asking.connect((host, int(port)))

        def read() -> None:
            nonlocal left
            try:
                while True:
                    asking.recv(512)
                    left -= 1
                    if (query := next(queries, None)) is not None:
                        asking.send(query)
                    elif not left:
                        done.set_result(None)
                        return
            except BlockingIOError:
                return

        loop.add_reader(asking.fileno(), read)
        for _, query in zip(range(64), queries, strict=False):  # in this order: none is lost
            asking.send(query)
        await asyncio.wait_for(done, 120)
        loop.remove_reader(asking.fileno())
    return len(zones) * len(addresses), 0


def _wire(zone: str) -> bytes:
    return dns.name.from_text(zone).to_digestable()


KINDS: dict[str, Asks] = {"ours": ours, "dnspython": library, "pydnsbl": pydnsbl, "bare UDP": bare}


def unlimited(zones: Sequence[str]) -> Catalogue:
    """Lists of IPv4 addresses that may be asked as fast as they answer."""
    keeps = frozenset({Keeps.IP4})
    lists = {zone: Blocklist(zone=zone, keeps=keeps, per_second=10**9) for zone in zones}
    return Catalogue(lists=lists, keyed={})


def addresses(count: int) -> list[str]:
    """The first so many of 10.0.0.0/8."""
    return [socket.inet_ntoa((_FIRST + number).to_bytes(4, "big")) for number in range(count)]


async def measured(kind: str, server: str, count: int, zones: Sequence[str]) -> Found:
    """One run of one kind."""
    about = addresses(count)
    wall, cpu = time.perf_counter(), time.process_time()
    lookups, listings = await KINDS[kind](server, zones, about)
    return Found(
        lookups=lookups,
        listings=listings,
        wall=time.perf_counter() - wall,
        cpu=time.process_time() - cpu,
        mebibytes=_peak() / 1_024,
    )


def _peak() -> int:
    """KiB. Not `getrusage`, which counts what the parent had before it started us."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    given = measured(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].split(","))
    print(json.dumps(asdict(uvloop.run(given))))
