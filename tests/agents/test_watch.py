"""The detector at work in the agent: nothing is sent while nothing is wrong, nothing is lost."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from agents.detection.detector import Caps
from agents.detection.memory import remembered
from agents.detection.watch import Watch, WatchRhythm
from agents.host import HostAgent
from agents.link import Link
from agents.mta.postfix.outgoing import Outgoing
from agents.mta.traffic import Event
from domain.hosts import Campaign, DesiredState, Detection
from domain.news import Observed
from domain.wire import from_json, to_json
from tests.agents.gateway import QUICK, SECONDS, Gateway, MailServer, a_hold

FAST = WatchRhythm(look=0.01, blind=0.01, first_retry=0.01, longest_retry=0.02)


class DetectionGateway(Gateway):
    """A gateway that takes detections too; `verdict` is how it answers them."""

    def __init__(self) -> None:
        super().__init__()
        self.detections: list[Detection] = []
        self.posts = 0
        self.verdict = 204

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/agent/detections":
            return await super().answer(request)
        self.posts += 1
        if self.verdict == 204:
            self.detections.append(from_json(Detection, json.loads(request.content)))
        return httpx.Response(self.verdict)


class Log(Outgoing):
    """Postfix's log in a file of the test, and a queue in memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(Path("/etc/postfix"))
        self.path = path
        self.queue: dict[str, int] | None = {"shop.example": 41}
        self.asked = 0
        self.read = 0

    async def file(self) -> Path:
        return self.path

    def understood(self, line: bytes, now: int) -> Event | None:
        self.read += 1
        return super().understood(line, now)

    async def waiting(self) -> Mapping[str, int] | None:
        self.asked += 1
        return self.queue

    def burst(self, copies: int, domain: str = "shop.example") -> None:
        stamp = datetime.now(UTC).isoformat()
        with self.path.open("a") as opened:
            for number in range(copies):
                queue_id = f"4fX{time.monotonic_ns()}"
                opened.write(
                    f"{stamp} mx postfix/qmgr[1]: {queue_id}: from=<info@{domain}>, size=9, "
                    f"nrcpt=1 (queue active)\n{stamp} mx postfix/smtp[2]: {queue_id}: "
                    f"to=<r{number}@far.example>, relay=mx.far.example[198.51.100.7]:25, delay=1, "
                    "delays=1/0/0/0, dsn=2.0.0, status=sent (250 ok)\n"
                )


@pytest.fixture
def gateway() -> DetectionGateway:
    return DetectionGateway()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    path = tmp_path / "mail.log"
    path.touch()
    return Log(path)


@asynccontextmanager
async def an_agent(
    gateway: DetectionGateway, log: Log, state: Path, server: MailServer | None = None
) -> AsyncIterator[None]:
    """A whole agent that has begun to watch, until the block ends."""
    stopping = asyncio.Event()
    transport = httpx.MockTransport(gateway.answer)
    async with Link("https://plazo.example", "the-key", transport=transport) as link:
        watch = Watch(link, log, state, caps=Caps(domain=100, host=500), rhythm=FAST)
        agent = HostAgent(link, server or MailServer(), state, QUICK, watch)
        running = asyncio.create_task(agent.run(stopping))
        try:
            if log.path.exists():
                await until(lambda: (state / "detection.json").exists())
            yield
        finally:
            stopping.set()
            await running


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not fact():  # noqa: ASYNC110 - the gateway in memory tells nobody
            await asyncio.sleep(0.005)


def outbox(state: Path) -> tuple[Detection, ...]:
    memory = remembered(state / "detection.json")
    return () if memory is None else memory.outbox


async def test_a_burst_is_handed_in_once_with_what_waits_in_the_queue(
    gateway: DetectionGateway, log: Log, tmp_path: Path
) -> None:
    async with an_agent(gateway, log, tmp_path):
        log.burst(150)
        await until(lambda: gateway.detections != [])
        log.burst(150)
        await until(lambda: outbox(tmp_path) == ())
    [found] = gateway.detections
    assert found.domain == "shop.example"
    assert found.copies > 100
    assert found.waiting == 41
    assert log.asked == 1


async def test_a_quiet_host_posts_nothing_and_asks_for_no_queue(
    gateway: DetectionGateway, log: Log, tmp_path: Path
) -> None:
    async with an_agent(gateway, log, tmp_path):
        log.burst(99)
        await until(lambda: log.read == 2 * 99)
        asked = len(gateway.asked_after)
        await until(lambda: len(gateway.asked_after) > asked)
    assert (gateway.posts, log.asked) == (0, 0)


async def test_a_detection_waits_for_a_gateway_that_is_away_over_a_restart(
    gateway: DetectionGateway, log: Log, tmp_path: Path
) -> None:
    gateway.verdict = 503
    async with an_agent(gateway, log, tmp_path):
        log.burst(150)
        await until(lambda: gateway.posts > 2)
    assert len(outbox(tmp_path)) == 1
    gateway.verdict = 204
    async with an_agent(gateway, log, tmp_path):
        await until(lambda: len(gateway.detections) == 1)
        await until(lambda: outbox(tmp_path) == ())


async def test_what_the_gateway_never_takes_is_dropped_and_the_next_is_handed_in(
    gateway: DetectionGateway, log: Log, tmp_path: Path
) -> None:
    gateway.verdict = 422
    async with an_agent(gateway, log, tmp_path):
        log.burst(150)
        await until(lambda: gateway.posts == 1)
        await until(lambda: outbox(tmp_path) == ())
        gateway.verdict = 204
        log.burst(150, "bakery.example")
        await until(lambda: gateway.detections != [])
    assert [each.domain for each in gateway.detections] == ["bakery.example"]


async def test_a_campaign_in_the_desired_state_is_taken_into_account_and_survives_a_restart(
    gateway: DetectionGateway, log: Log, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    campaign = Campaign(
        id="7", begins_at=now, ends_at=now + timedelta(hours=1), messages=1_000,
        domain="shop.example",
    )  # fmt: skip
    gateway.state = DesiredState(revision=1, campaigns=(campaign,))
    async with an_agent(gateway, log, tmp_path):
        await until(lambda: (tmp_path / "desired.json").exists())
    gateway.status = 503
    async with an_agent(gateway, log, tmp_path):
        log.burst(400)
        log.burst(101, "bakery.example")
        await until(lambda: gateway.detections != [])
    assert [each.domain for each in gateway.detections] == ["bakery.example"]
    kept = from_json(DesiredState, json.loads((tmp_path / "desired.json").read_text()))
    assert kept == replace(gateway.state, revision=1)
    assert to_json(kept.campaigns[0]) == to_json(campaign)


async def test_without_a_log_the_measures_go_on_and_the_log_is_looked_for_again(
    gateway: DetectionGateway, log: Log, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log.path.unlink()
    server = MailServer()
    async with an_agent(gateway, log, tmp_path, server):
        await gateway.want(a_hold())
        await gateway.until_told("hold", Observed.APPLIED)
        assert server.in_force == {"hold": a_hold()}
        await until(lambda: "sees no traffic" in caplog.text)
        log.path.touch()
        await until(lambda: (tmp_path / "detection.json").exists())
        log.burst(150)
        await until(lambda: gateway.detections != [])
    assert caplog.text.count("sees no traffic") == 1


async def test_a_queue_that_cannot_be_read_keeps_no_detection_back(
    gateway: DetectionGateway, log: Log, tmp_path: Path
) -> None:
    log.queue = None
    async with an_agent(gateway, log, tmp_path):
        log.burst(150)
        await until(lambda: gateway.detections != [])
    assert gateway.detections[0].waiting is None
