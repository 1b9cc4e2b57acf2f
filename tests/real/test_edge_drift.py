"""A firewall that others change, that forgets, that is full: the edge's measures stay as asked."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agents.edge.firewall import Edge
from agents.edge.nft import NftFailed
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
    table,
)
from tests.real.namespaces import WORLD, Network, a_network, until
from tests.real.units import BOOT, settings
from tests.workers.command import NOBODY, as_user

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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "plazo", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_no_other_table_is_touched(network: Network, edge: Edge) -> None:
    before = rules(network, "table", "inet", "filter")
    for measure in (a_block(), a_redirect()):
        await edge.apply(measure)
    await edge.observe(a_block())
    for measure in (a_block(), a_redirect()):
        await edge.lift(lifted(measure))
    assert rules(network, "table", "inet", "filter") == before


async def test_asking_again_changes_nothing_nor_does_an_agent_that_starts_again(
    network: Network, edge: Edge, tmp_path: Path
) -> None:
    await edge.apply(a_block())
    await edge.apply(a_redirect())
    knocking = asyncio.create_task(network.client.connects("192.0.2.7", WORLD))
    await counted(edge, a_block())
    before, count = rules(network), figures(await edge.observe(a_block()))[0]
    for agent in (edge, an_edge(network, tmp_path)):
        for measure in (a_block(), a_redirect()):
            assert (await agent.apply(measure)).observed is Observed.APPLIED
        assert figures(await agent.observe(a_block()))[0] >= count
        assert "put right" not in (await agent.observe(a_block())).detail
    assert rules(network) == before
    knocking.cancel()
    await asyncio.wait([knocking])


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ("flush ruleset", {"block", "redirect"}),
        ("delete table inet plazo", {"block", "redirect"}),
        ("flush chain inet plazo block", {"block", "redirect"}),
        ("insert rule inet plazo block accept", {"block", "redirect"}),
        ("add table inet plazo { flags dormant; }", {"block", "redirect"}),
        ("add set inet plazo mine { type ipv4_addr . inet_service; }", {"block", "redirect"}),
        ("flush set inet plazo blocked4", {"block"}),
        ("delete element inet plazo blocked4 { 192.0.2.7 }", {"block"}),
        ("delete element inet plazo smarthosts4 { 192.0.2.8 }", {"redirect"}),
        ("add element inet plazo blocked4 { 192.0.2.9 }", set()),
    ],
)
async def test_what_somebody_changed_is_put_right_and_on_record(
    network: Network, edge: Edge, change: str, concerned: set[str]
) -> None:
    await edge.apply(a_block())
    await edge.apply(a_redirect())
    before = table(network)
    network.edge.run("nft", change)
    await until(lambda: edge_is_put_right(network, edge, before))
    seen = [await edge.observe(each) for each in (a_block(), a_redirect())]
    assert {each.key for each in seen if "put right 1 times" in each.detail} == concerned
    assert all(each.observed is Observed.APPLIED for each in seen)


async def edge_is_put_right(network: Network, edge: Edge, before: str) -> bool:
    await edge.observe(a_block())
    return table(network) == before


async def test_after_a_boot_the_first_measure_brings_all_of_them_back(
    network: Network, edge: Edge, tmp_path: Path
) -> None:
    await edge.apply(a_block())
    await edge.apply(a_block("2001:db8:1::7", key="second"))
    before = table(network)
    network.edge.run("nft", "flush", "ruleset")
    await an_edge(network, tmp_path).apply(a_block())
    assert table(network) == before


async def test_without_a_memory_what_is_wanted_still_is_brought_about(
    network: Network, edge: Edge, tmp_path: Path
) -> None:
    await edge.apply(a_block("192.0.2.9"))
    (tmp_path / "edge.json").write_text('{"shape": ')
    again = an_edge(network, tmp_path)
    assert (await again.apply(a_block())).observed is Observed.APPLIED
    found = rules(network, "table", "inet", "plazo")
    assert "192.0.2.7" in found
    assert "192.0.2.9" not in found


async def test_a_full_disk_stops_no_block_and_what_ends_is_asked_again_until_it_is_kept(
    network: Network, small_disk: Path
) -> None:
    edge = an_edge(network, small_disk)
    filling = small_disk / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as opened:
        while True:
            opened.write(bytes(1_024))
    assert (await edge.apply(a_block())).observed is Observed.APPLIED
    assert "192.0.2.7" in table(network)
    with pytest.raises(OSError, match="No space"):
        await edge.lift(lifted(a_block()))
    assert "192.0.2.7" not in table(network)
    filling.unlink()
    assert (await edge.lift(lifted(a_block()))).observed is Observed.LIFTED
    # An agent that starts again knows that it ended.
    await an_edge(network, small_disk).observe(a_block())
    assert "192.0.2.7" not in table(network)


async def test_what_nft_refuses_fails_in_its_own_words(network: Network, tmp_path: Path) -> None:
    powerless = Edge(tmp_path, nft=(*network.edge.prefix, *as_user(NOBODY), "nft"))
    with pytest.raises(NftFailed, match="not permitted"):
        await powerless.apply(a_block())


@pytest.mark.parametrize(
    "target",
    [
        "192.0.2.0/24", "192.0.2.7-192.0.2.9", "192.0.2.7,192.0.2.9", "0300.0.2.7", "192.0.2",
        "192.0.2.7;flush", "192.0.2.7}\tdrop", "@blocked4", "$(reboot)", "fe80::1%eth0", "*",
        "shop.example", "::/0", "192.0.2.7\u2028", "１９２.0.2.7",
    ],
)  # fmt: skip
async def test_a_target_that_is_no_address_is_refused_and_changes_nothing(
    network: Network, edge: Edge, target: str
) -> None:
    await edge.apply(a_block())
    before = rules(network)
    hostile = a_block(key="hostile")
    # As it would look if whoever holds the gateway built it past the domain's own checks.
    object.__setattr__(hostile.restriction, "targets", ("192.0.2.9", target))
    with pytest.raises(CannotCarryOut, match="is no IP address"):
        await edge.apply(hostile)
    assert rules(network) == before


async def test_a_boot_brings_the_rules_back_before_any_agent_and_not_what_was_lifted(
    network: Network, tmp_path: Path
) -> None:
    edge = an_edge(network, tmp_path)
    await edge.apply(a_block())
    await edge.apply(a_block("192.0.2.9", key="over"))
    await edge.lift(lifted(a_block("192.0.2.9", key="over")))
    before = table(network)
    network.edge.run("nft", "flush", "ruleset")
    [command] = settings(BOOT)["ExecStart"]
    command = command.replace("/var/lib/plazo-edge", str(tmp_path))
    network.edge.run(*command.split())
    assert table(network) == before
    assert "192.0.2.7" in before
    assert "192.0.2.9" not in before
    seen = await an_edge(network, tmp_path).apply(a_block())
    assert "put right" not in seen.detail
