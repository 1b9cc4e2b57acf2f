"""`plazo edge-agent` as a process of its own, at a real gateway and a real firewall, and killed."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from asyncpg import Pool

from book.database import transaction
from book.incident import measures, news
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed, Sighting
from gateway.app import create_app
from tests.book.provider import an_incident, imposed
from tests.gateway.world import FakeIncidents, a_gateway
from tests.real.namespaces import WORLD, Network, a_network, letterbox, until
from tests.workers.command import Plazo

pytestmark = pytest.mark.real

EDGE = "edge-1"
BLOCK = Restriction(measure=Measure.BLOCK_PORT25, scope=Scope.ADDRESS, targets=("192.0.2.7",))
KILLED = -signal.SIGKILL

NFT = """#!/bin/sh
# nft, except that it kills the agent that called it at the moment that the file names, once.
at() {{ [ "$(cat {kill} 2>/dev/null)" = "$*" ] && rm {kill} && kill -9 $PPID; }}
at before "$1" && exit 1
{nft} "$@"
ended=$?
at after "$1"
exit $ended
"""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A provider with an incident, and an agent at its edge that may be started."""

    network: Network
    pool: Pool
    plazo: Plazo
    kill: Path

    async def wants_the_block(self) -> None:
        who = await an_incident(self.pool)
        assert await imposed(self.pool, who, restriction=BLOCK) is None

    async def wants_it_lifted(self) -> None:
        async with transaction(self.pool) as connection:
            incident = await connection.fetchval("SELECT incident FROM measures")
            await measures.lift(connection, incident, ("m-1",))

    async def is_told(self, observed: Observed) -> Sighting:
        """What the incident's workflow would be told, once an agent has said so."""

        async def said() -> bool:
            found: str | None = await self.pool.fetchval("SELECT observed FROM measures")
            return found == observed

        await until(said)
        incident = await self.pool.fetchval("SELECT incident FROM measures")
        async with news.taken(self.pool, incident) as found:
            assert found is not None
            return found.news.sightings["m-1"]

    def table(self) -> str:
        """Ours, with its figures; "" where there is none."""
        whole = self.network.edge.run("nft", "list", "ruleset")
        return whole.partition("table inet plazo")[2]

    def blocks(self) -> bool:
        found = self.table()
        return "@blocked4 drop" in found and "192.0.2.7 counter" in found

    async def drops_packets(self) -> None:
        """Wait until the kernel has dropped one of an attempt that is made for it."""
        knocking = asyncio.create_task(self.network.client.connects("192.0.2.7", WORLD))

        async def dropped() -> bool:
            return "192.0.2.7 counter packets 0 " not in self.table()

        await until(dropped)
        assert self.blocks()
        knocking.cancel()
        await asyncio.wait([knocking])


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with a_network() as made:
        yield made


@pytest_asyncio.fixture
async def edge(network: Network, database: Pool, tmp_path: Path) -> AsyncIterator[Edge]:
    """Its gateway listens on the edge's own loopback, where the agent finds it."""
    network.edge.run("nft", "flush", "ruleset")
    await an_incident(database)
    async with transaction(database) as connection:
        key = await measures.enrol(connection, EDGE)
    listening = network.edge.listens("127.0.0.1", 0)
    port = listening.getsockname()[1]
    app = create_app(a_gateway(database, FakeIncidents()))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield Edge(
            network=network,
            pool=database,
            plazo=replace(a_plazo(tmp_path, port, key), prefix=network.edge.prefix),
            kill=tmp_path / "kill",
        )
    finally:
        server.should_exit = True
        await serving


def a_plazo(folder: Path, port: int, key: str) -> Plazo:
    programs = folder / "bin"
    programs.mkdir()
    nft = programs / "nft"
    nft.write_text(NFT.format(kill=folder / "kill", nft=shutil.which("nft")))
    nft.chmod(0o755)
    env = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PLAZO_GATEWAY": f"http://127.0.0.1:{port}",
        "PLAZO_HOST_KEY": key,
        "PLAZO_AGENT_STATE": str(folder / "state"),
    }
    return Plazo(home=folder / "home", env=env)


async def test_a_block_takes_hold_outlives_its_agent_and_is_brought_back(edge: Edge) -> None:
    await edge.wants_the_block()
    async with letterbox(edge.network.world, WORLD) as box:
        async with edge.plazo.running("edge-agent") as agent:
            seen = await edge.is_told(Observed.APPLIED)
            assert seen.detail.startswith("in force on nftables; 0 packets (0 bytes) to port 25")
            await edge.drops_packets()
            await edge.network.sends("192.0.2.9", "of another address")
            assert await agent.ends(signal.SIGKILL) == KILLED
        await edge.drops_packets()
        edge.network.edge.run("nft", "flush", "ruleset")
        async with edge.plazo.running("edge-agent") as agent:

            async def back() -> bool:
                return edge.blocks()

            await until(back)
            await edge.drops_packets()
            await edge.wants_it_lifted()
            seen = await edge.is_told(Observed.LIFTED)
            assert "lifted on nftables" in seen.detail
            assert "found changed and put right 1 times" in seen.detail
            assert int(seen.detail.split("; ")[1].split()[0]) > 0
            assert await agent.ends(signal.SIGTERM) == 0
        await edge.network.sends("192.0.2.7", "after the lift")
    assert box.came == [("192.0.2.9", "of another address"), ("192.0.2.7", "after the lift")]


@pytest.mark.parametrize("moment", ["after --json", "before --file", "after --file"])
async def test_an_agent_killed_in_the_middle_of_a_step_finishes_it_when_it_starts_again(
    edge: Edge, moment: str
) -> None:
    await edge.wants_the_block()
    edge.kill.write_text(moment)
    async with edge.plazo.running("edge-agent") as agent:
        assert await agent.ends() == KILLED
    assert not edge.kill.exists()
    assert edge.blocks() is (moment == "after --file")
    async with edge.plazo.running("edge-agent") as agent:
        await edge.is_told(Observed.APPLIED)
        await edge.drops_packets()
        edge.kill.write_text(moment)
        await edge.wants_it_lifted()
        assert await agent.ends() == KILLED
    assert edge.blocks() is (moment != "after --file")
    async with edge.plazo.running("edge-agent") as agent:
        seen = await edge.is_told(Observed.LIFTED)
        assert int(seen.detail.split("; ")[1].split()[0]) > 0
        assert not edge.blocks()
        assert await agent.ends(signal.SIGTERM) == 0
