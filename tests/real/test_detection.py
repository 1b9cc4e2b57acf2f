"""The provider's own detection, whole: mail through a real Postfix, the agent, HTTP, the book."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from agents.detection.detector import Caps
from agents.detection.memory import Memory, remembered
from agents.detection.watch import Watch, WatchRhythm
from agents.host import HostAgent, Rhythm
from agents.link import Link
from agents.mta.postfix.outgoing import Outgoing
from agents.mta.traffic import Event
from book.database import transaction
from book.incident import measures
from book.intake import campaigns
from domain.hosts import Campaign
from tests.gateway.test_agents import served
from tests.gateway.world import INCIDENT, World, a_world
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost, available

pytestmark = pytest.mark.real

SHOP, BAKERY = "info@shop.example", "info@bakery.example"
SECONDS = 30.0
CAPS = Caps(domain=60, host=500)
BURST = 80


class Log(Outgoing):
    """The instance's log, which says how much of it was read."""

    lines = 0

    def understood(self, line: bytes, now: int) -> Event | None:
        self.lines += 1
        return super().understood(line, now)


@pytest.fixture(autouse=True)
def postfix_is_here() -> None:
    if (why := available()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture
async def world(database: Any) -> AsyncIterator[World]:
    async with a_world(database) as made:
        yield made


@pytest.fixture
async def internet() -> AsyncIterator[Inbox]:
    async with Inbox("far.example") as inbox:
        yield inbox


@pytest.fixture
async def postfix(internet: Inbox) -> AsyncIterator[PostfixHost]:
    async with PostfixHost(next_hop=internet.address, local_domain="shop.example") as host:
        yield host


@asynccontextmanager
async def an_agent(world: World, postfix: PostfixHost, state: Path) -> AsyncIterator[Log]:
    """mx1's agent on that Postfix, speaking HTTP to a gateway on a socket, once it watches."""
    stopping = asyncio.Event()
    async with transaction(world.pool) as connection:
        key = await measures.enrol(connection, "mx1")
    async with served(world.pool) as (address, _), Link(address, key) as link:
        traffic = Log(postfix.config_dir)
        rhythm = WatchRhythm(look=0.2, blind=0.2, first_retry=0.1, longest_retry=0.5)
        watch = Watch(link, traffic, state, caps=CAPS, rhythm=rhythm)
        quick = Rhythm(wait=1, first_retry=0.1)
        agent = HostAgent(link, postfix.mail_host(state), state, quick, watch)
        running = asyncio.create_task(agent.run(stopping))
        try:
            await until(lambda: _exists(state / "detection.json"))
            yield traffic
        finally:
            stopping.set()
            await running


async def _exists(file: Path) -> bool:
    return await asyncio.to_thread(file.exists)


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await fact():  # noqa: ASYNC110 - Postfix and PostgreSQL tell nobody
            await asyncio.sleep(0.1)


async def send(postfix: PostfixHost, internet: Inbox, copies: int, sender: str = SHOP) -> None:
    """Messages to one recipient each, all of them gone when this returns."""
    before = len(internet.messages)
    message = EmailMessage()
    message["Subject"] = "offer"
    message["From"] = sender
    message.set_content("Hello.")
    for first in range(0, copies, 20):
        await asyncio.gather(
            *(
                postfix.submit(sender, [f"r{number}@far.example"], message)
                for number in range(first, min(first + 20, copies))
            )
        )
    async with asyncio.timeout(SECONDS):
        while len(internet.messages) < before + copies:  # noqa: ASYNC110 - it comes from Postfix
            await asyncio.sleep(0.05)


async def detections(world: World) -> list[Any]:
    rows: list[Any] = await world.pool.fetch(
        "SELECT r.*, e.body FROM reports r JOIN evidence e ON e.sha256 = r.evidence"
        " WHERE reporter = 'host:mx1' ORDER BY r.id"
    )
    return rows


def sent_of(memory: Memory | None, domain: str) -> int:
    """Copies of a domain that a memory on disk has counted."""
    if memory is None or domain not in memory.senders:
        return 0
    return sum(part.copies for part in memory.senders[domain].slices)


async def test_a_burst_of_one_domain_opens_an_incident_of_the_hosts_service(
    world: World, postfix: PostfixHost, internet: Inbox, tmp_path: Path
) -> None:
    async with an_agent(world, postfix, tmp_path):
        await send(postfix, internet, 20, BAKERY)
        await send(postfix, internet, BURST)

        async def reported() -> bool:
            return bool(await detections(world))

        await until(reported)
        await send(postfix, internet, BURST)
    [report] = await detections(world)
    assert (report["incident"], report["domain"]) == (INCIDENT, "shop.example")
    assert report["format"] == "host_agent"
    said = json.loads(report["body"])
    assert CAPS.domain < said["copies"] <= BURST
    assert said["new"] == report["volume"] == said["copies"]
    assert "the hard cap" in said["reasons"][0]
    assert b"far.example" not in report["body"]
    assert await world.pool.fetchval("SELECT count(*) FROM incidents") == 1
    assert await world.pool.fetchval("SELECT count(*) FROM dirty") == 1


async def test_an_announced_campaign_of_the_same_size_is_not_reported(
    world: World, postfix: PostfixHost, internet: Inbox, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    async with transaction(world.pool) as connection:
        await campaigns.announce(
            connection, "vps-1",
            Campaign(
                id="new", begins_at=now, ends_at=now + timedelta(hours=1), messages=BURST,
                domain="shop.example",
            ),
            announced_by=None, recorded_by="ana", reason="newsletter",
        )  # fmt: skip
    async with an_agent(world, postfix, tmp_path):
        await until(lambda: _exists(tmp_path / "desired.json"))
        await send(postfix, internet, BURST)
        # Found after it, by the same reading: so the campaign was read and passed over.
        await send(postfix, internet, BURST, BAKERY)

        async def reported() -> bool:
            return bool(await detections(world))

        await until(reported)
    assert [row["domain"] for row in await detections(world)] == ["bakery.example"]
    assert (
        sent_of(await asyncio.to_thread(remembered, tmp_path / "detection.json"), "shop.example")
        == BURST
    )


async def test_a_quiet_host_posts_nothing(
    world: World, postfix: PostfixHost, internet: Inbox, tmp_path: Path
) -> None:
    async with an_agent(world, postfix, tmp_path) as log:
        before = log.lines
        await send(postfix, internet, 30)
        await send(postfix, internet, 30, BAKERY)
        written = len((await asyncio.to_thread(postfix.log.read_bytes)).splitlines())

        async def read() -> bool:
            return log.lines - before >= written - 10  # but those of Postfix's start

        await until(read)
    assert written > 240
    assert await detections(world) == []
    assert await world.pool.fetchval("SELECT count(*) FROM detections") == 0
    assert await world.pool.fetchval("SELECT count(*) FROM incidents") == 0


async def test_postfixs_own_rotation_loses_nothing(
    world: World, postfix: PostfixHost, internet: Inbox, tmp_path: Path
) -> None:
    async with an_agent(world, postfix, tmp_path):
        await send(postfix, internet, 30)
    # `postfix logrotate` compresses the old log in the background, and reloads.
    await postfix.command("postfix", "logrotate")
    await send(postfix, internet, 40)
    async with an_agent(world, postfix, tmp_path):

        async def reported() -> bool:
            return bool(await detections(world))

        await until(reported)
    [report] = await detections(world)
    assert json.loads(report["body"])["copies"] == 70
