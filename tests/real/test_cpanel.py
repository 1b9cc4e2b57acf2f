"""`plazo host-agent` of a cPanel server, at a real gateway and book of record, and killed."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from asyncpg import Pool

from book.clientele import clients
from book.database import transaction
from book.incident import measures
from domain.ladder import plan
from domain.measures import Measure
from domain.news import Observed
from domain.parties import Service, ServiceKind
from gateway.app import create_app
from tests.agents.whm import Account, MailRefused, StandIn, an_agents_folder
from tests.book.provider import (
    ADDRESS,
    HOST,
    a_clientele,
    imposed,
    parties_of,
    reported,
)
from tests.domain.builders import a_service, some_facts
from tests.gateway.world import FakeIncidents, a_gateway
from tests.workers.command import Plazo

pytestmark = pytest.mark.real

KILLED = -signal.SIGKILL
SECONDS = 30.0
FAR = "friend@far.example"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """With a client on a cPanel server, an incident, and an agent that may be started."""

    pool: Pool
    whm: StandIn
    port: int
    folder: Path

    async def has(self, service: Service) -> Plazo:
        """The client's service in the book, with an open incident; its host's agent."""
        await clients.keep(self.pool, a_clientele(service))
        async with transaction(self.pool) as connection:
            key = await measures.enrol(connection, HOST)
        await reported(self.pool)
        env = {
            "PLAZO_GATEWAY": f"http://127.0.0.1:{self.port}",
            "PLAZO_HOST_KEY": key,
            "PLAZO_MTA": f"cpanel:127.0.0.1:{self.whm.port}",
            "PLAZO_AGENT_STATE": str(an_agents_folder(self.folder, self.whm)),
        }
        return Plazo(home=self.folder / "home", env=env)

    async def decides(self, measure: Measure) -> None:
        """What the ladder says of the incident, as far as it is this measure."""
        incident = await self.pool.fetchval("SELECT id FROM incidents")
        who = await parties_of(self.pool, incident)
        decided = plan(some_facts(), who.contract, who.client, who.service)
        [restriction] = [each for each in decided.preferred if each.measure is measure]
        assert await imposed(self.pool, who, restriction=restriction) is None

    async def lifts(self) -> None:
        async with transaction(self.pool) as connection:
            incident = await connection.fetchval("SELECT incident FROM measures")
            await measures.lift(connection, incident, ("m-1",))

    async def is_told(self, observed: Observed) -> str:
        """The agent's words, once it has said that it is so."""
        async with asyncio.timeout(SECONDS):
            while True:
                row = await self.pool.fetchrow("SELECT observed, detail FROM measures")
                if row is not None and row["observed"] == observed:
                    return str(row["detail"])
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def provider(database: Pool, tmp_path: Path) -> AsyncIterator[Provider]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = create_app(a_gateway(database, FakeIncidents()))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    accounts = {
        "aurora": Account(domains=["shop.example", "blog.example"]),
        "other": Account(domains=["other.example"]),
    }
    try:
        async with StandIn(accounts=accounts).running() as whm:
            yield Provider(pool=database, whm=whm, port=port, folder=tmp_path)
    finally:
        server.should_exit = True
        await serving


def a_vps() -> Service:
    return a_service(addresses=(f"{ADDRESS}/32",))


async def test_a_shared_account_is_suspended_by_the_ladders_word_and_restored(
    provider: Provider,
) -> None:
    shared = a_service(ServiceKind.SHARED, addresses=(f"{ADDRESS}/32",))
    plazo = await provider.has(shared)
    await provider.decides(Measure.SUSPEND_ACCOUNT_SMTP)
    async with plazo.running("host-agent") as agent:
        assert "account aurora is refused" in await provider.is_told(Observed.APPLIED)
        with pytest.raises(MailRefused):
            provider.whm.send("info@shop.example", FAR)
        provider.whm.send("info@other.example", FAR)
        await provider.lifts()
        await provider.is_told(Observed.LIFTED)
        provider.whm.send("info@shop.example", FAR)
        assert await agent.ends(signal.SIGTERM) == 0
    assert provider.whm.changes() == [
        ("suspend_outgoing_email", "aurora"), ("unsuspend_outgoing_email", "aurora"),
    ]  # fmt: skip


async def test_a_domain_is_held_with_its_account_and_what_it_held_is_on_record(
    provider: Provider,
) -> None:
    plazo = await provider.has(a_vps())
    await provider.decides(Measure.HOLD_DOMAIN)
    async with plazo.running("host-agent") as agent:
        assert "and with it blog.example" in await provider.is_told(Observed.APPLIED)
        mail = provider.whm.send("info@shop.example", FAR)
        await provider.lifts()
        await provider.is_told(Observed.LIFTED)
        assert await agent.ends(signal.SIGTERM) == 0
    assert provider.whm.delivered == [mail]
    row = await provider.pool.fetchrow("SELECT queue_id, sender, fate FROM held_messages")
    assert row is not None
    assert tuple(row) == (mail, "info@shop.example", "delivered")


@pytest.mark.parametrize(
    ("holding", "releasing"),
    [
        (("after", "getdomainowner"), ("after", "fetch_mail_queue")),
        (("before", "hold_outgoing_email"), ("before", "release_outgoing_email")),
        (("after", "hold_outgoing_email"), ("after", "release_outgoing_email")),
    ],
    ids=lambda moment: " ".join(moment),
)
async def test_an_agent_killed_in_the_middle_of_a_step_finishes_it_when_it_starts_again(
    provider: Provider, holding: tuple[str, str], releasing: tuple[str, str]
) -> None:
    whm = provider.whm
    plazo = await provider.has(a_vps())
    await provider.decides(Measure.HOLD_DOMAIN)
    whm.moment = holding
    async with plazo.running("host-agent") as agent:
        whm.strikes = agent.process.kill
        assert await agent.ends() == KILLED
    assert bool(whm.accounts["aurora"].held) is (holding == ("after", "hold_outgoing_email"))
    async with plazo.running("host-agent") as agent:
        await provider.is_told(Observed.APPLIED)
        mail = whm.send("info@shop.example", FAR)
        whm.moment, whm.strikes = releasing, agent.process.kill
        await provider.lifts()
        assert await agent.ends() == KILLED
    async with plazo.running("host-agent") as agent:
        await provider.is_told(Observed.LIFTED)
        assert await agent.ends(signal.SIGTERM) == 0
    assert not whm.accounts["aurora"].held
    assert whm.delivered == [mail]
    assert await provider.pool.fetchval("SELECT fate FROM held_messages") == "delivered"
    done = [function for function, _ in whm.changes()]
    assert done.count("release_outgoing_email") in (1, 2)
