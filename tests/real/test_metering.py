"""Metering as it runs: on a real Temporal's schedule, with figures read over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asyncpg import Pool
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.metering import Metering as Steps
from activities.smarthosts.mailchannels import MailChannels, handle_of
from activities.smarthosts.port import NoFigures
from domain.money.usage import MeterPass
from tests.book.metering import due, redirected, used
from tests.book.provider import HOST, INCIDENT, an_incident
from tests.real.directories import Answer, Server
from tests.workers.command import Plazo
from tests.workflows import servers
from workers.metering import EVERY, SCHEDULE, keep_schedule
from workflows.metering import Metering
from workflows.runner import in_production

pytestmark = pytest.mark.real

KEY = "a-key-of-the-parent"


@dataclass
class Api(Server):
    """MailChannels' metrics of senders: each message with the moment at which it was sent."""

    sent: list[datetime] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/tx/v1"

    def answer(self, path: str, headers: dict[str, str], given: dict[str, str]) -> Answer:
        if headers.get("x-api-key") != KEY:
            return 403, {}, json.dumps({"message": "Forbidden"})
        assert path == "/tx/v1/metrics/senders/sub-accounts"
        since, until = (datetime.fromisoformat(given[f"{word}_time"]) for word in ("start", "end"))
        number = sum(since <= each < until for each in self.sent)
        others = {"name": "another", "processed": 9, "delivered": 9, "dropped": 0, "bounced": 0}
        own = others | {"name": handle_of(HOST), "processed": number}
        senders = [others, own] if number else [others]
        return 200, {}, json.dumps({"senders": senders, "total": len(senders)})


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with Api().running() as server:
        yield server


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with await servers.real() as environment:
        yield environment


async def messages(pool: Pool, number: int) -> list[datetime]:
    """Sent evenly over the time that the redirect has been in force, but for the last minute."""
    stretches = await due(pool)
    since, until = stretches[0].since, stretches[-1].until
    return [since + (until - since) * n / number for n in range(number)]


async def test_every_message_is_metered_once_however_often_it_is_read(
    database: Pool, api: Api, temporal: WorkflowEnvironment
) -> None:
    await an_incident(database)
    await redirected(database, counted=300)
    api.sent = await messages(database, 300)
    steps = Steps(pool=database, meter=MailChannels(KEY, api=api.url))
    async with Worker(
        temporal.client, task_queue="metering", workflows=[Metering],
        workflow_runner=in_production(),
        activities=[steps.take_readings, steps.reconcile_usage, steps.bill_late_usage],
    ):  # fmt: skip
        for number in range(3):
            done = await temporal.client.execute_workflow(
                Metering.run, MeterPass(), id=f"metering-{number}", task_queue="metering"
            )
            assert done.taken.readings > 0
            assert (await used(database)).quantity == 300


async def test_a_limit_a_wrong_key_and_a_broken_connection_are_no_figures(api: Api) -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    with pytest.raises(NoFigures, match="make a new API key"):
        await MailChannels("another", api=api.url).sent(HOST, moment, moment)
    api.next = [(429, {"Retry-After": "60"}, "")]
    with pytest.raises(NoFigures, match="too often"):
        await MailChannels(KEY, api=api.url).sent(HOST, moment, moment)
    api.silent = True
    with pytest.raises(NoFigures, match="cannot be reached"):
        await MailChannels(KEY, api=api.url).sent(HOST, moment, moment)


@pytest.fixture
async def client(temporal: WorkflowEnvironment) -> AsyncIterator[Client]:
    await keep_schedule(temporal.client)
    yield temporal.client
    await temporal.client.get_schedule_handle(SCHEDULE).delete()


async def test_the_schedule_is_kept_and_stays_paused_if_somebody_paused_it(client: Client) -> None:
    handle = client.get_schedule_handle(SCHEDULE)
    [spec] = (await handle.describe()).schedule.spec.intervals
    assert spec.every == EVERY
    await handle.pause(note="the API is down")
    await asyncio.gather(keep_schedule(client), keep_schedule(client))
    found = (await handle.describe()).schedule.state
    assert (found.paused, found.note) == (True, "the API is down")


async def test_the_readings_of_an_incident_are_shown(
    database: Pool, dsn: str, api: Api, tmp_path: Path
) -> None:
    plazo = Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})
    await an_incident(database)
    none = await plazo("billing", "usage", INCIDENT)
    assert none.err == ""
    assert (none.code, none.out) == (
        0, f"{INCIDENT} has no redirect that was in force: nothing to meter\n",
    )  # fmt: skip
    await redirected(database, meter=None, counted=1_234)
    said = await plazo("billing", "usage", INCIDENT)
    assert said.out.splitlines()[-1] == "1234 messages"
    assert "counts" in said.out
    found = json.loads((await plazo("billing", "usage", INCIDENT, "--json")).out)
    assert found["usage"]["quantity"] == 1_234
    assert [each["value"] for each in found["readings"]] == [1_234]
    unknown = await plazo("billing", "usage", "incident-x")
    assert (unknown.code, unknown.err) == (1, "plazo: there is no incident incident-x\n")
