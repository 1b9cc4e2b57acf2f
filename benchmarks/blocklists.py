"""Blocklists: lookups a second, beside the bare library and beside no library at all.

The server is rbldnsd on loopback, which has 30 zones. Each kind asks about the same addresses on
all of them, in a process of its own: ours with test points, classes, reasons and proofs; a bare
gather over dnspython's stub resolver, which keeps nothing; pydnsbl over c-ares; and datagrams that
are not read. Then every ill zone of `misbehaving.py`, for listings that are none; and how long a
pass of the listing watch over a /16 takes with every list's limits kept, reckoned and not waited
for.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from activities.blocklists.catalogue import catalogue
from activities.blocklists.dnsbl import Blocklists
from activities.watching import CHUNK
from benchmarks.lookups import KINDS, Found, addresses
from benchmarks.misbehaving import ZONES, Misbehaving
from benchmarks.rbldnsd import IP4, entries, rbldnsd
from benchmarks.table import Row, Table, row
from domain.blocklists.blocklist import Blocklist
from domain.blocklists.watching import is_due, of_addresses, turns

COUNT, LISTS, ROUNDS = 1_000, 30, 3
A_16 = 65_536

REQUIRED = 0.8
"""Of the bare library's lookups per second of processor time."""

FASTER = 1.0
"""Than pydnsbl, in lookups a second: more than as fast."""

WITHIN = 300.0
"""Seconds of one processor for a /16 where no list's limit binds."""

_LISTED = "10.0.0.77"
_WINDOW = 6 * 3_600
_DAY = 86_400


async def measure(count: int = COUNT, rounds: int = ROUNDS, whole: int = A_16) -> Table:
    """Each kind in turn, `rounds` times; then a /16 once."""
    zones = [f"bl{number}.example" for number in range(LISTS)]
    with rbldnsd({zone: (IP4, entries(_LISTED, reason="see $")) for zone in zones}) as server:
        found: dict[str, list[Found]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                found[kind].append(await _in_a_process(kind, server, count, zones))
        large = await _in_a_process("ours", server, whole, zones)
    ratios = [
        (one.lookups / one.cpu) / (other.lookups / other.cpu)
        for one, other in zip(found["ours"], found["dnspython"], strict=True)
    ]
    faster = [
        (one.lookups / one.wall) / (other.lookups / other.wall)
        for one, other in zip(found["ours"], found["pydnsbl"], strict=True)
    ]
    return Table(
        title=f"blocklists: {count:,} addresses on {LISTS} lists",
        rows=(
            *(each for kind in KINDS for each in _of(kind, found[kind])),
            row("ours : dnspython, per processor second", "ratio", ratios, at_least=REQUIRED),
            row("ours : pydnsbl, lookups per second", "ratio", faster, at_least=FASTER),
            row(f"{whole:,} addresses on {LISTS} lists", "CPU s", large.cpu, at_most=WITHIN),
            row("the same", "s", large.wall),
            row("its memory", "MiB", large.mebibytes),
            row("listings heard of those that are", "", large.listings / LISTS, at_least=1),
            row("false listings of the ill", "", await _false_listings(), at_most=0),
            *_reckoned(),
        ),
        notes=(
            f"At most 16 questions to a list at once, {16 * LISTS} to all; dnspython as many.",
            "pydnsbl has 100 under way, with which it is fastest; it keeps no answers as proof.",
            "Passes are simulated: the limits of activities/blocklists/catalogue.toml, four a day.",
        ),
    )


def _of(kind: str, found: Sequence[Found]) -> tuple[Row, ...]:
    return (
        row(f"{kind}: lookups", "per second", [each.lookups / each.wall for each in found]),
        row(f"{kind}: lookups", "per CPU second", [each.lookups / each.cpu for each in found]),
        row(f"{kind}: memory", "MiB", [each.mebibytes for each in found]),
    )


async def _in_a_process(kind: str, server: str, count: int, zones: Sequence[str]) -> Found:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.lookups", kind, server, str(count), ",".join(zones),
        cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return Found(**json.loads(output))


async def _false_listings() -> int:
    """Of addresses that no zone has listed, asked in every zone that misbehaves."""
    clean = [f"192.0.2.{number}" for number in range(100)]
    async with Misbehaving("198.51.100.1") as server:
        asked = Blocklists(tuple(ZONES), server.address, answer_within=1.0)
        return len((await asked.check(clean)).found)


def _reckoned() -> tuple[Row, ...]:
    lists = [entry for entry in catalogue().lists.values() if of_addresses(entry)]
    passes = {entry.zone: turns(entry, A_16, _WINDOW) for entry in lists}
    spans, asked = [], Counter[str]()
    for number in range(_DAY // _WINDOW):
        one = simulated(lists, passes, number)
        spans.append(sum(one.chunks))
        asked += one.asked
    limits = {entry.zone: entry.per_day for entry in lists if entry.per_day is not None}
    zone = max(limits, key=lambda name: asked[name] / limits[name])
    longest = max(passes, key=lambda name: passes[name])
    return (
        row("a pass over a /16, each list's limits kept", "min", [each / 60 for each in spans],
            at_most=_WINDOW / 60),
        row(f"asked in a day: {zone}", "of its limit", asked[zone] / limits[zone], at_most=1),
        row(f"passes until all were looked up: {longest}", "of 6 h", passes[longest]),
    )  # fmt: skip


@dataclass(frozen=True)
class Pass:
    """Seconds that each chunk of addresses takes, and how many questions each list gets."""

    chunks: list[float]
    asked: Counter[str]


def simulated(lists: Sequence[Blocklist], passes: Mapping[str, int], number: int) -> Pass:
    """A pass over a /16, chunk by chunk: the list that takes longest holds up each of them."""
    chunks, asked = [], Counter[str]()
    about = addresses(A_16)
    for first in range(0, A_16, CHUNK):
        longest = 0.0
        for entry in lists:
            chunk, through = about[first : first + CHUNK], passes[entry.zone]
            due = sum(is_due(address, number, through) for address in chunk)
            asked[entry.zone] += due
            longest = max(longest, due / entry.per_second)
        chunks.append(longest)
    return Pass(chunks, asked)
