"""The dispatcher: news reach one workflow per incident, once, and survive what goes wrong."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionStatus,
)

from book.clientele import clients
from book.intake import intake
from domain.incident import Outcome
from domain.news import News
from tests.book.provider import a_clientele, a_report, closed, imposed, parties_of, seen
from tests.domain.builders import a_service
from tests.workflows import servers
from workers.dispatcher import Dispatcher

pytestmark = pytest.mark.real

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with await servers.real() as environment:
        yield environment.client


@pytest_asyncio.fixture
async def services(database: Pool) -> list[str]:
    """Five services with an address each, of names that no other test has used."""
    names = [f"vps-{next(_numbers)}" for _ in range(5)]
    kept = [a_service(id=name, addresses=(address_of(name),)) for name in names]
    await clients.keep(database, a_clientele(*kept))
    return names


def address_of(service: str) -> str:
    return f"192.0.2.{service.removeprefix('vps-')}"


async def reported(pool: Pool, service: str, name: str) -> str:
    [incident] = (await intake.accept(pool, a_report(name, address_of(service)))).incidents
    return incident


@asynccontextmanager
async def running(*dispatchers: Dispatcher) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    tasks = [asyncio.create_task(each.run(stopping)) for each in dispatchers]
    try:
        yield
        assert not [task for task in tasks if task.done()]
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


async def until_nothing_is_dirty(pool: Pool) -> None:
    async with asyncio.timeout(20):
        while await pool.fetchval("SELECT EXISTS (SELECT FROM dirty)"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def heard(client: Client, incident: str) -> list[News]:
    """Everything that a workflow was told, in order."""
    history = await client.get_workflow_handle(incident).fetch_history()
    signals = [
        event.workflow_execution_signaled_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]
    assert {signal.signal_name for signal in signals} == {"news"}
    decoded = [await client.data_converter.decode(signal.input.payloads, [News])
               for signal in signals]  # fmt: skip
    return [news for [news] in decoded]


async def test_two_dispatchers_start_one_workflow_per_incident_and_tell_it_everything(
    client: Client, database: Pool, services: list[str]
) -> None:
    async with running(*(Dispatcher(database, client, 0.1) for _ in range(2))):
        found = await asyncio.gather(
            *(
                reported(database, service, f"{service}-{number}")
                for number in range(20)
                for service in services
            )
        )
        await until_nothing_is_dirty(database)
    for service in services:
        [incident] = {each for each in found if each.startswith(f"incident-{service}-")}
        told = await heard(client, incident)
        revisions = [news.revision for news in told]
        assert sorted(set(revisions)) == revisions
        assert told[-1].reports == 20
        described = await client.get_workflow_handle(incident).describe()
        assert described.status is WorkflowExecutionStatus.RUNNING
        assert service in str(await described.static_summary())


async def test_a_storm_wakes_an_incident_once_an_interval(
    client: Client, database: Pool, services: list[str]
) -> None:
    dispatcher = Dispatcher(database, client, 3_600)
    incident = await reported(database, services[0], "r-0")
    assert await dispatcher.look() == 1
    for number in range(1, 30):
        await reported(database, services[0], f"r-{number}")
        assert await dispatcher.look() == 0
    assert len(await heard(client, incident)) == 1
    assert await Dispatcher(database, client, 0).look() == 1
    assert [news.reports for news in await heard(client, incident)] == [1, 30]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_what_is_heard_of_a_closed_incident_starts_nothing(
    client: Client, database: Pool, services: list[str], forgotten: bool
) -> None:
    incident = await reported(database, services[0], "r-1")
    await imposed(database, await parties_of(database, incident))
    dispatcher = Dispatcher(database, client, 0)
    if not forgotten:  # as the engine does after its retention period
        await dispatcher.look()
        await client.get_workflow_handle(incident).terminate()
    await closed(database, incident, Outcome.TERMINATED)
    await seen(database)
    await dispatcher.look()
    assert not await database.fetchval("SELECT EXISTS (SELECT FROM dirty)")
    found = [each async for each in client.list_workflows(f"WorkflowId = '{incident}'")]
    assert not [each for each in found if each.status is WorkflowExecutionStatus.RUNNING]


async def test_a_database_that_breaks_off_in_the_middle_is_survived(
    client: Client, database: Pool, services: list[str]
) -> None:
    incident = await reported(database, services[0], "r-1")
    breaks = Breaks(database)
    config: Any = client.config()
    config["interceptors"] = [breaks]
    async with running(Dispatcher(database, Client(**config), 0.1)):
        await breaks.broken.wait()
        await reported(database, services[0], "r-2")
        await until_nothing_is_dirty(database)
    first, *_, last = await heard(client, incident)
    assert last.reports == 2
    assert last.revision > first.revision


class Breaks(Interceptor):
    """When a workflow is started for the first time, the dispatcher's transaction is ended."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.broken = asyncio.Event()

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Breaking(next, self)


class _Breaking(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, breaks: Breaks) -> None:
        super().__init__(next)
        self._breaks = breaks

    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        started = await super().start_workflow(input)
        if not self._breaks.broken.is_set():
            await self._breaks.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            self._breaks.broken.set()
        return started
