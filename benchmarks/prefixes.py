"""`python -m benchmarks.prefixes KIND COUNT`: one structure of a million prefixes, as a process.

Builds it, asks it, and says what that took: JSON of `Found`. The same prefixes for every kind:
seven tenths single IPv4 addresses, a tenth IPv4 and two tenths IPv6 prefixes of a few lengths, of
100,000 services of 20,000 clients. A tenth of the prefixes have changed hands once.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

import psutil
import radix  # type: ignore[import-untyped]

from domain.intake.attribution import Held, Index, Place

SERVICES, CLIENTS = 100_000, 20_000
ASKED = 200_000

MOVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 24, tzinfo=UTC)

_FIRST_SINGLE = int(IPv4Address("16.0.0.0"))
_FIRST_WIDE = int(IPv4Address("100.0.0.0"))
_FIRST_SIX = int(IPv6Address("2001:db8::"))
_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Found:
    """Seconds to build it, MiB that it holds, microseconds a lookup."""

    seconds: float
    mebibytes: float
    microseconds: float


def prefixes(count: int) -> Iterator[str]:
    """The prefixes; the service of each is told by its position."""
    for n in range(count * 7 // 10):
        yield f"{IPv4Address(_FIRST_SINGLE + 3 * n)}/32"
    for n in range(count // 10):
        yield f"{IPv4Address(_FIRST_WIDE + 256 * n)}/{(24, 26, 28, 29)[n % 4]}"
    for n in range(count // 5):
        yield f"{IPv6Address(_FIRST_SIX + (n << 80))}/{(48, 64, 128)[n % 3]}"


def periods(number: int) -> list[Held]:
    """Who has had the prefix of that position."""
    service = f"vps-{number % SERVICES}"
    if number % 10:
        return [Held(None, None, service)]
    return [
        Held(None, MOVED_AT, f"vps-{(number + 1) % SERVICES}"), Held(MOVED_AT, None, service),
    ]  # fmt: skip


def our_index(count: int) -> Callable[[str], object]:
    """Address and time give service, client and contract."""
    index = Index()
    for n in range(CLIENTS):
        index.agree(f"client-{n}", [Held(None, None, f"contract-{n}")])
    for n in range(SERVICES):
        index.rent(f"vps-{n}", f"client-{n % CLIENTS}")
    for number, prefix in enumerate(prefixes(count)):
        index.hold(prefix, periods(number))
    for number, prefix in enumerate(prefixes(count)):  # as a gateway that has been up for a while
        if number < SERVICES:
            assert isinstance(index.place(prefix.partition("/")[0], NOW), Place)
    return lambda address: index.place(address, NOW)


def py_radix(count: int) -> Callable[[str], object]:
    """The longest prefix alone, with what is kept of it: a patricia tree in C."""
    tree = radix.Radix()
    services = [f"vps-{n}" for n in range(SERVICES)]
    for number, prefix in enumerate(prefixes(count)):
        tree.add(prefix).data["service"] = services[number % SERVICES]
    return lambda address: tree.search_best(address).data["service"]


def one_dictionary(count: int) -> Callable[[str], object]:
    """Single addresses as they are written: knows no prefix and no period."""
    services = [f"vps-{n}" for n in range(SERVICES)]
    known = {
        prefix.partition("/")[0]: services[number % SERVICES]
        for number, prefix in enumerate(prefixes(count))
    }
    return known.get


KINDS = {"ours": our_index, "py-radix": py_radix, "dictionary": one_dictionary}


def main() -> None:
    kind, count = sys.argv[1], int(sys.argv[2])
    chance = random.Random(7)
    positions = set(chance.sample(range(count), min(ASKED, count)))
    asked = [p.partition("/")[0] for n, p in enumerate(prefixes(count)) if n in positions]
    chance.shuffle(asked)
    process = psutil.Process()
    before, began = process.memory_info().rss, time.perf_counter()
    look = KINDS[kind](count)
    seconds, after = time.perf_counter() - began, process.memory_info().rss
    began = time.perf_counter()
    for address in asked:
        look(address)
    each = (time.perf_counter() - began) / len(asked)
    found = Found(seconds=seconds, mebibytes=(after - before) / _MIB, microseconds=each * 1_000_000)
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
