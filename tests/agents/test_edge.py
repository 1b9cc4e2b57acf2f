"""The edge's table as text, what is counted, and where a redirect leads; no firewall needed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from agents.edge.aim import SmarthostUnknown, aim
from agents.edge.firewall import Edge
from agents.edge.memory import Entry, Memory
from agents.edge.nft import NftFailed
from agents.edge.ruleset import (
    NO_TABLE,
    Count,
    Table,
    blocking,
    changes,
    listed,
    merged,
    turning,
    whole,
)
from agents.mta.port import CannotCarryOut
from domain.hosts import Desired, Wanted
from domain.measures import Measure, Restriction, Scope

SEVEN, EIGHT, SIX = (ip_address(each) for each in ("192.0.2.7", "192.0.2.8", "2001:db8::7"))
RELAY = ip_address("203.0.113.1")


def a_measure(
    *targets: str, measure: Measure = Measure.BLOCK_PORT25, smarthost: str | None = None
) -> Desired:
    restriction = Restriction(measure=measure, scope=Scope.ADDRESS, targets=targets)
    return Desired(key="m", restriction=restriction, wanted=Wanted.APPLIED, smarthost=smarthost)


def a_redirect(smarthost: str | None, *targets: str) -> Desired:
    return a_measure(
        *(targets or ("192.0.2.7",)), measure=Measure.SMARTHOST_REDIRECT, smarthost=smarthost
    )


# --- the table --------------------------------------------------------------------------------


def test_only_what_differs_is_changed_and_nothing_where_nothing_does() -> None:
    have = merged([blocking([SEVEN, SIX]), turning([EIGHT], {4: RELAY}, 25)])
    assert changes(have, have) == ""
    wanted = merged([blocking([SEVEN, EIGHT]), turning([EIGHT], {4: RELAY}, 587)])
    assert changes(have, wanted).splitlines() == [
        "add element inet plazo blocked4 { 192.0.2.8 counter packets 0 bytes 0 }",
        "delete element inet plazo blocked6 { 2001:db8::7 }",
        "delete element inet plazo smarthosts4 { 192.0.2.8 }",
        "add element inet plazo smarthosts4 { 192.0.2.8 : 203.0.113.1 . 587 }",
    ]


def test_a_table_that_is_made_anew_carries_over_what_was_counted() -> None:
    counts = {"blocked4": {"192.0.2.7": Count(packets=5, bytes=300)}}
    text = whole(blocking([SEVEN, EIGHT]), counts)
    assert text.startswith("add table inet plazo\ndelete table inet plazo\ntable inet plazo {\n")
    assert "192.0.2.7 counter packets 5 bytes 300, 192.0.2.8 counter packets 0 bytes 0" in text


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        '{"nftables": [{"set": {"name": "blocked4"}}]}',
        json.dumps({"nftables": [{"set": {"name": "s", "handle": 1, "elem": ["192.0.2.0/24"]}}]}),
        json.dumps({"nftables": [{"map": {"name": "m", "handle": 1, "elem": [["x", "y"]]}}]}),
    ],
)
def test_a_table_that_is_not_of_our_making_has_no_shape_and_so_is_replaced(said: str) -> None:
    assert listed(said) == NO_TABLE


# --- what is counted --------------------------------------------------------------------------


def a_table(packets: int) -> Table:
    count = Count(packets=packets, bytes=packets * 60)
    return Table(shape="x", counts={"blocked4": {"192.0.2.7": count}})


def an_entry() -> Entry:
    return Entry(measure=a_measure("192.0.2.7"), elements=blocking([SEVEN]))


def test_figures_go_on_from_reading_to_reading_and_over_a_table_that_was_lost() -> None:
    entry = an_entry().begun(a_table(4))
    packets = []
    for table in (a_table(6), a_table(6), NO_TABLE, a_table(3), a_table(1)):
        entry = entry.read(table)
        packets.append(entry.counted.packets)
    assert packets == [2, 2, 2, 5, 6]
    assert entry.counted.bytes == 6 * 60


def test_the_memory_is_on_disk_and_forgets_only_what_ended_long_ago(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "edge.json")
    kept = replace(an_entry().read(a_table(3)), put_right=2)
    memory.put(kept)
    memory.shape = "the kernel's words"
    memory.save()
    again = Memory(tmp_path / "edge.json")
    assert (again.shape, again.in_force()) == ("the kernel's words", [kept])
    for days, left in ((29, {"m", "other"}), (31, {"other"})):
        again.put(replace(kept, ended_at=datetime.now(UTC) - timedelta(days=days)))
        again.put(replace(kept, measure=replace(kept.measure, key="other")))
        assert again.entries.keys() == left


# --- where a measure is aimed -----------------------------------------------------------------


async def test_addresses_are_read_whatever_their_spelling(tmp_path: Path) -> None:
    measure = a_measure("2001:DB8:0:0::7", "::ffff:192.0.2.7")
    assert await aim(measure, {}, tmp_path) == blocking([SIX, SEVEN])


async def test_a_measure_on_anything_but_addresses_is_refused(tmp_path: Path) -> None:
    domain = Restriction(
        measure=Measure.SMARTHOST_REDIRECT, scope=Scope.DOMAIN, targets=("shop.example",)
    )
    measure = replace(a_redirect("relay.example:25"), restriction=domain)
    with pytest.raises(CannotCarryOut, match="not of a domain"):
        await aim(measure, {}, tmp_path)


@pytest.mark.parametrize(
    ("smarthost", "targets", "why"),
    [
        (None, (), "is no smarthost"),
        ("203.0.113.1", (), "is no smarthost"),
        ("203.0.113.1:25 }; flush ruleset", (), "is no smarthost"),
        ("203.0.113.1:99999", (), "is no smarthost"),
        ("mailchannels:relay.example:25", (), "cannot log in"),
        ("203.0.113.1:25", ("192.0.2.7", "2001:db8::7"), "has no IPv6 address for 2001:db8::7"),
    ],
)
async def test_a_redirect_that_could_not_hold_is_refused(
    tmp_path: Path, smarthost: str | None, targets: tuple[str, ...], why: str
) -> None:
    with pytest.raises(CannotCarryOut, match=why):
        await aim(a_redirect(smarthost, *targets), {}, tmp_path)


async def test_a_relay_that_wants_a_login_is_nothing_for_an_edge(tmp_path: Path) -> None:
    (tmp_path / "smarthosts").mkdir()
    login = tmp_path / "smarthosts" / "203.0.113.1"
    login.write_text("user:secret\n")
    login.chmod(0o600)
    with pytest.raises(CannotCarryOut, match="neither login nor header"):
        await aim(a_redirect("203.0.113.1:25"), {}, tmp_path)


async def test_a_redirect_goes_on_as_it_was_where_its_smarthost_cannot_be_looked_up(
    tmp_path: Path,
) -> None:
    measure = a_redirect("nowhere.invalid:25")
    with pytest.raises(SmarthostUnknown, match="cannot be looked up"):
        await aim(measure, {}, tmp_path)
    before = turning([SEVEN], {4: RELAY}, 25)
    assert await aim(measure, before, tmp_path) == before


async def test_where_there_is_no_nft_that_is_what_is_said(tmp_path: Path) -> None:
    with pytest.raises(NftFailed, match="install nftables"):
        await Edge(tmp_path, nft=("/nonexistent/nft",)).apply(a_measure("192.0.2.7"))
