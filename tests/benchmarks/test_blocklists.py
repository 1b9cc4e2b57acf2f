"""What the benchmark of blocklists reckons with: every kind asks the same, and limits are kept."""

import pytest

from benchmarks.blocklists import simulated
from benchmarks.lookups import KINDS, measured
from benchmarks.rbldnsd import IP4, entries, rbldnsd
from domain.blocklists.blocklist import Blocklist
from domain.blocklists.watching import turns

ZONES = ("one.example", "two.example")


@pytest.mark.real
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_asks_about_every_address_on_every_list(kind: str) -> None:
    with rbldnsd({zone: (IP4, entries("10.0.0.77")) for zone in ZONES}) as server:
        found = await measured(kind, server, 100, ZONES)
    assert found.lookups == 200
    assert found.listings == (0 if kind == "bare UDP" else 2)


def test_a_simulated_pass_is_as_long_as_its_slowest_list_and_within_limits() -> None:
    slow = Blocklist(zone="slow.example", per_second=4)
    scarce = Blocklist(zone="scarce.example", per_day=100_000)
    lists = (slow, scarce)
    passes = {entry.zone: turns(entry, 65_536, 6 * 3_600) for entry in lists}
    each = [simulated(lists, passes, number) for number in range(4)]
    assert passes == {"slow.example": 1, "scarce.example": 4}
    assert sum(one.asked["scarce.example"] for one in each) == 65_536
    assert all(sum(one.chunks) == 65_536 / 4 for one in each)
