"""The listing watch as it runs: its schedule on a real Temporal, its worker on a real book."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from asyncpg import Pool
from temporalio.client import Client, ScheduleActionExecutionStartWorkflow
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from tests.book.provider import ADDRESS, INCIDENT, a_provider
from tests.workflows import servers
from workers.demo.blocklist import BlocklistServer
from workers.incident_worker import build_worker
from workers.listing_watch import SCHEDULE, keep_schedule
from workers.settings.provider import Settings

pytestmark = pytest.mark.real

HOUR = 3_600.0


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with await servers.real() as environment:
        yield environment


@pytest.fixture
async def client(temporal: WorkflowEnvironment) -> AsyncIterator[Client]:
    yield temporal.client
    await keep_schedule(temporal.client, None)


async def interval(client: Client) -> timedelta | None:
    try:
        found = await client.get_schedule_handle(SCHEDULE).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    [spec] = found.schedule.spec.intervals
    return spec.every


async def test_the_schedule_follows_the_setting(client: Client) -> None:
    await keep_schedule(client, None)
    assert await interval(client) is None
    await keep_schedule(client, 6 * HOUR)
    assert await interval(client) == timedelta(hours=6)
    await keep_schedule(client, HOUR)
    assert await interval(client) == timedelta(hours=1)
    await keep_schedule(client, None)
    assert await interval(client) is None


async def test_a_schedule_that_an_operator_has_paused_stays_paused(client: Client) -> None:
    await keep_schedule(client, 6 * HOUR)
    await client.get_schedule_handle(SCHEDULE).pause(note="a list complains")
    await keep_schedule(client, HOUR)
    found = await client.get_schedule_handle(SCHEDULE).describe()
    assert found.schedule.state.paused
    assert found.schedule.state.note == "a list complains"


async def test_a_pass_finds_a_listing_and_opens_the_incident(
    client: Client, database: Pool, dsn: str
) -> None:
    await a_provider(database)
    async with BlocklistServer("bl.example") as lists:
        lists.list(ADDRESS, "spam")
        settings = Settings.read({
            "PLAZO_DATABASE_URL": dsn,
            "PLAZO_PUBLIC_URL": "http://127.0.0.1:1",
            "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-test",
            "PLAZO_BLOCKLISTS": "bl.example",
            "PLAZO_DNS": lists.address,
        })  # fmt: skip
        await keep_schedule(client, HOUR)
        async with build_worker(settings, database, client):
            await client.get_schedule_handle(SCHEDULE).trigger()
            watched = await client.get_workflow_handle(await begun(client)).result()
    assert watched["tally"]["found"] == 1
    assert await database.fetchval("SELECT incident FROM listings") == INCIDENT
    assert await database.fetchval("SELECT count(*) FROM tasks") == 0


async def begun(client: Client) -> str:
    """The id of the workflow that the schedule has started."""
    async with asyncio.timeout(30):
        while True:
            found = await client.get_schedule_handle(SCHEDULE).describe()
            for each in found.info.recent_actions:
                assert isinstance(each.action, ScheduleActionExecutionStartWorkflow)
                return each.action.workflow_id
            await asyncio.sleep(0.1)
