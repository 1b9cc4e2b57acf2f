"""Measures at the edge, on real network namespaces: what is dropped, what passes, what counts."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.edge.firewall import Edge
from agents.mta.port import CannotCarryOut
from domain.news import Observed
from tests.agents.gateway import lifted
from tests.real.edge import (
    a_block,
    a_redirect,
    administrated,
    an_edge,
    counted,
    figures,
    rules,
)
from tests.real.namespaces import (
    SMARTHOST,
    SMARTHOST6,
    WORLD,
    WORLD6,
    Network,
    a_network,
    letterbox,
    talks,
)

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def made() -> Iterator[Network]:
    with a_network() as network:
        yield network


@pytest.fixture
def network(made: Network) -> Network:
    return administrated(made)


@pytest.fixture
def edge(network: Network, tmp_path: Path) -> Edge:
    return an_edge(network, tmp_path)


# --- block_port25 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocked", "other", "far"),
    [("192.0.2.7", "192.0.2.9", WORLD), ("2001:db8:1::7", "2001:db8:1::9", WORLD6)],
)
async def test_port_25_of_a_blocked_address_is_dropped_and_nothing_else(
    network: Network, edge: Edge, blocked: str, other: str, far: str
) -> None:
    measure = a_block(blocked)
    seen = await edge.apply(measure)
    assert (seen.observed, figures(seen)) == (Observed.APPLIED, (0, 0))
    async with letterbox(network.world, far) as box, letterbox(network.world, far, 587) as desk:
        knocking = asyncio.create_task(network.client.connects(blocked, far))
        await counted(edge, measure)
        await network.sends(other, "of another address", far)
        await talks(await network.client.connects(blocked, far, 587), "to another port")
        await network.answers_its_world(blocked)
        assert not knocking.done()
        assert box.came == [(other, "of another address")]
        assert desk.came == [(blocked, "to another port")]
        seen = await edge.lift(lifted(measure))
        assert seen.observed is Observed.LIFTED
        # The same attempt, whose SYN is sent again.
        await talks(await knocking, "after the lift")
        assert box.came[1:] == [(blocked, "after the lift")]


async def test_an_open_connection_is_cut_and_what_was_on_its_way_arrives_once_after_the_lift(
    network: Network, edge: Edge
) -> None:
    async with letterbox(network.world, WORLD) as box:
        connection = await network.client.connects("192.0.2.7", WORLD)
        assert await asyncio.get_running_loop().sock_recv(connection, 3) == b"220"
        await edge.apply(a_block())
        await asyncio.get_running_loop().sock_sendall(connection, b"\r\nEHLO x\r\n")
        await counted(edge, a_block())
        await network.sends("192.0.2.9", "another's")
        assert box.came == [("192.0.2.9", "another's")]
        await edge.lift(lifted(a_block()))
        heard = b""
        while b"250 HELP" not in heard:
            heard += await asyncio.get_running_loop().sock_recv(connection, 1_000)
        connection.close()


async def test_the_figures_are_what_the_firewall_dropped(network: Network, edge: Edge) -> None:
    await edge.apply(a_block())

    def three_datagrams_of_tcp() -> None:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        with raw:
            raw.bind(("192.0.2.7", 0))
            header = b"\x10\x00\x00\x19" + bytes(8) + b"\x50\x10\x00\x00" + bytes(4)
            for _ in range(3):
                raw.sendto(header, (WORLD, 0))

    network.client.within(three_datagrams_of_tcp)
    await counted(edge, a_block(), 3)
    assert figures(await edge.lift(lifted(a_block()))) == (3, 3 * 40)


async def test_measures_on_the_same_address_each_count_their_own_and_end_alone(
    network: Network, edge: Edge
) -> None:
    await edge.apply(a_block())
    knocking = asyncio.create_task(network.client.connects("192.0.2.7", WORLD))
    await counted(edge, a_block())
    seen = await edge.apply(a_block(key="second"))
    assert figures(seen)[0] < figures(await edge.observe(a_block()))[0]
    await edge.lift(lifted(a_block()))
    assert "192.0.2.7" in rules(network)
    await edge.lift(lifted(a_block(key="second")))
    assert "192.0.2.7" not in rules(network)
    knocking.cancel()
    await asyncio.wait([knocking])


# --- smarthost_redirect -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "far", "through"),
    [
        ("192.0.2.8", WORLD, SMARTHOST),
        ("2001:db8:1::9", WORLD6, SMARTHOST6),
    ],
)
async def test_port_25_of_a_redirected_address_reaches_the_smarthost_from_that_address(
    network: Network, edge: Edge, source: str, far: str, through: str
) -> None:
    host = f"[{through}]" if ":" in through else through
    measure = a_redirect(source, smarthost=f"{host}:2525")
    async with (
        letterbox(network.world, far) as box,
        letterbox(network.smarthost, through, 2525) as relay,
    ):
        old = await network.client.connects(source, far)
        await edge.apply(measure)
        await network.sends(source, "redirected", far)
        assert relay.came == [(source, "redirected")]
        if ":" not in source:
            await network.sends("192.0.2.7", "not under it", far)
        await network.answers_its_world(source)
        packets, octets = figures(await edge.lift(lifted(measure)))
        assert packets > 5
        assert octets > packets * 40
        await network.sends(source, "after the lift", far)
        assert (source, "redirected") not in box.came
        assert (source, "after the lift") in box.came
        assert len(relay.came) == 1
        old.close()


async def test_a_connection_older_than_the_redirect_does_not_go_on_past_the_smarthost(
    network: Network, edge: Edge
) -> None:
    async with letterbox(network.world, WORLD) as box:
        old = await network.client.connects("192.0.2.8", WORLD)
        assert await asyncio.get_running_loop().sock_recv(old, 3) == b"220"
        await edge.apply(a_redirect())
        talking = asyncio.create_task(talks(old, "past it"))
        await counted(edge, a_redirect())
        await network.sends("192.0.2.9", "another's")
        assert box.came == [("192.0.2.9", "another's")]
        talking.cancel()
        await asyncio.wait([talking])
        old.close()


async def test_a_smarthost_that_cannot_take_it_is_refused_and_changes_nothing(
    network: Network, edge: Edge
) -> None:
    await edge.apply(a_block())
    before = rules(network)
    for measure in (
        a_redirect("2001:db8:1::7"),  # and the smarthost has only an IPv4 address
        a_redirect(smarthost="mailchannels:relay.example:25"),
        a_redirect(smarthost="198.51.100.1:25; flush ruleset"),
    ):
        with pytest.raises(CannotCarryOut):
            await edge.apply(measure)
    assert rules(network) == before
