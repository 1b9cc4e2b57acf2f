"""Lists and resolvers that misbehave: no false listing, no false clean bill, no endless wait."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest
import pytest_asyncio
from dnslib import QTYPE, DNSRecord

from activities.blocklists.dnsbl import Blocklists
from activities.blocklists.pace import Pace
from activities.blocklists.port import Checked
from benchmarks.misbehaving import ILL, WELL, Misbehaving
from workers.demo.blocklist import BlocklistServer

pytestmark = pytest.mark.real

LISTED = "192.0.2.7"
ADDRESSES = tuple(f"192.0.2.{number}" for number in range(60))
CLEAN = tuple(address for address in ADDRESSES if address != LISTED)
ZONE = "bl.example"


class Kept(BlocklistServer):
    """Its answers may be kept for `ttl` seconds, also those that there is no such name."""

    ttl = 0

    def answer(self, asked: DNSRecord) -> DNSRecord:
        reply = super().answer(asked)
        for record in (*reply.rr, *reply.auth):
            record.ttl = self.ttl
            if record.rtype == QTYPE.SOA:
                record.rdata.times = (*record.rdata.times[:4], self.ttl)
        return reply


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with Misbehaving(LISTED) as server:
        yield server


async def check(server: Misbehaving, zone: str, *, within: float = 2.0) -> Checked:
    return await Blocklists([zone], server.address, answer_within=within).check(ADDRESSES)


@pytest.mark.parametrize("zone", WELL)
async def test_a_list_that_is_only_slow_or_lossy_is_heard(server: Misbehaving, zone: str) -> None:
    checked = await check(server, zone, within=4.0)
    assert [found.address for found in checked.found] == [LISTED]
    assert all(checked.is_off(address, zone) for address in CLEAN)


@pytest.mark.parametrize("zone", ILL)
async def test_an_ill_list_neither_lists_nor_clears(server: Misbehaving, zone: str) -> None:
    checked = await check(server, zone, within=0.4)
    assert not [found for found in checked.found if found.address != LISTED]
    assert not any(checked.is_off(address, zone) for address in ADDRESSES)
    [unanswered] = checked.unanswered
    assert unanswered.why


async def test_a_list_that_refuses_is_not_asked_again(server: Misbehaving) -> None:
    asked = Blocklists(["refuses.example"], server.address)
    first = await asked.check(ADDRESSES)
    second = await asked.check(ADDRESSES)
    assert server.questions["refuses.example"] == 1
    assert [each.refused for each in (*first.unanswered, *second.unanswered)] == [True, True]
    assert "asked again in 60 min" in second.unanswered[0].why


async def test_a_list_that_begins_to_refuse_is_left_in_the_middle(server: Misbehaving) -> None:
    checked = await check(server, "refuses-later.example")
    assert server.questions["refuses-later.example"] < len(ADDRESSES)
    assert checked.found == ()
    assert checked.unanswered[0].refused


async def test_a_silent_list_costs_one_time_out_a_minute(server: Misbehaving) -> None:
    asked = Blocklists(["silent.example"], server.address, answer_within=0.2)
    await asked.check(ADDRESSES)
    before = server.questions["silent.example"]
    checked = await asked.check(ADDRESSES)
    assert server.questions["silent.example"] == before
    assert "no answer within 0.2 s" in checked.unanswered[0].why
    assert not checked.unanswered[0].refused


# --- resolvers -----------------------------------------------------------------------------------


async def test_another_resolver_answers_for_one_that_is_not_there(server: Misbehaving) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{bound.getsockname()[1]}"
    asked = Blocklists(["right.example"], f"{nobody}, {server.address}", answer_within=2.0)
    checked = await asked.check(ADDRESSES)
    assert [found.proof.resolver for found in checked.found] == [server.address]
    assert checked.unanswered == ()


async def test_another_resolver_answers_for_one_that_is_silent(server: Misbehaving) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        asked = Blocklists(["right.example"], f"{address},{server.address}", answer_within=1.0)
        checked = await asked.check(ADDRESSES[:8])
    assert [found.address for found in checked.found] == [LISTED]
    assert checked.unanswered == ()


async def test_another_resolver_answers_for_one_that_fails(server: Misbehaving) -> None:
    async with BlocklistServer("servfail.example") as well:
        well.list(LISTED, "spam")
        both = f"{server.address},{well.address}"
        asked = Blocklists(["servfail.example"], both, answer_within=2.0)
        checked = await asked.check([LISTED])
    assert [found.proof.resolver for found in checked.found] == [well.address]


# --- the cache and the pace ----------------------------------------------------------------------


async def test_an_answer_is_kept_for_as_long_as_the_zone_says() -> None:
    for ttl, questions in ((300, 1), (0, 2)):
        async with Kept(ZONE) as server:
            server.ttl = ttl
            server.list(LISTED, "spam")
            asked = Blocklists([ZONE], server.address)
            for _ in range(2):
                checked = await asked.check([LISTED, "192.0.2.8"])
                assert [found.address for found in checked.found] == [LISTED]
            names = [each.name for each in server.questions if each.kind == "A"]
        assert names.count("7.2.0.192.bl.example") == questions
        assert names.count("8.2.0.192.bl.example") == questions


async def test_what_an_ill_list_has_said_is_not_believed_when_it_is_well_again() -> None:
    async with Kept(ZONE) as server:
        server.ttl = 300
        asked = Blocklists([ZONE], server.address)
        for point in ("127.0.0.1", LISTED):
            server.list(point, "everything")
        assert (await asked.check([LISTED])).found == ()
        for point in ("127.0.0.1", LISTED):
            server.unlist(point)
        checked = await asked.check([LISTED])
    assert checked.found == ()
    assert checked.is_off(LISTED, ZONE)


async def test_a_list_that_was_emptied_since_it_was_believed_clears_nothing() -> None:
    async with Kept(ZONE) as server:
        server.list(LISTED, "spam")
        asked = Blocklists([ZONE], server.address)
        assert (await asked.check([LISTED])).found
        for point in ("127.0.0.2", LISTED):
            server.unlist(point)
        checked = await asked.check([LISTED])
    assert not checked.is_off(LISTED, ZONE)


async def test_the_pace_lets_a_burst_through_and_then_so_many_a_second() -> None:
    pace = Pace(per_second=100, at_once=1_000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(500 + 50):
        await pace.turn(urgent=True)
    # However slow the machine is, never faster.
    assert loop.time() - began >= 50 / 100 - 0.01


async def test_no_more_than_so_many_are_under_way_and_incidents_come_first() -> None:
    pace = Pace(per_second=10_000, at_once=1)
    await pace.turn(urgent=False)
    order: list[str] = []

    async def ask(name: str, urgent: bool) -> None:
        await pace.turn(urgent=urgent)
        order.append(name)
        pace.done()

    watch = [asyncio.create_task(ask(f"watch {n}", False)) for n in range(2)]
    await asyncio.sleep(0)
    incident = asyncio.create_task(ask("incident", True))
    await asyncio.sleep(0)
    assert order == []
    pace.done()
    await asyncio.gather(*watch, incident)
    assert order == ["incident", "watch 0", "watch 1"]


async def test_who_gives_up_waiting_leaves_the_turn_to_others() -> None:
    pace = Pace(per_second=10_000, at_once=1)
    await pace.turn(urgent=True)
    gone = asyncio.create_task(pace.turn(urgent=True))
    stays = asyncio.create_task(pace.turn(urgent=True))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    pace.done()
    await asyncio.wait_for(stays, 5)


async def test_a_list_is_asked_about_its_share_and_nothing_else_is_off_it() -> None:
    async with BlocklistServer(ZONE) as server:
        asked = Blocklists([ZONE], server.address)
        passed, checked = await asyncio.gather(
            asked.go_over(ADDRESSES, lambda entry, about: about != ip_address(LISTED)),
            asked.check([LISTED]),
        )
    assert passed.left_out == ((LISTED, ZONE),)
    assert not passed.is_off(LISTED, ZONE)
    assert checked.is_off(LISTED, ZONE)
