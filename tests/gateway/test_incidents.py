"""How an act reaches an incident's workflow, and the ways in which it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.acts import Acknowledge, Answer, Fixed
from domain.incident import Act, Stage, admit
from gateway.incidents import EngineAway, Incidents, NoSuchIncident, Refused
from tests.workflows.servers import time_skipping

pytestmark = pytest.mark.real

QUEUE = "gateway-acts"
READ = Acknowledge(by="ana")


@workflow.defn
class Story:
    """As much of an incident as an act needs: it is read once, and ends by being fixed."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.over)

    @workflow.update
    async def acknowledge(self, act: Acknowledge) -> Answer:
        self.read.append(act.by)
        return Answer(said=f"read {len(self.read)} times", stage="waiting")

    @acknowledge.validator
    def _may(self, act: Acknowledge) -> None:
        if act.by == "nobody":
            admit(Act.FIXED, Stage.PROBATION)

    @workflow.update(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def fixed(self, act: Fixed) -> Answer:
        self.over = True
        await workflow.wait_condition(lambda: False)
        raise AssertionError


@pytest_asyncio.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with await time_skipping() as engine:
        yield engine.client


@pytest_asyncio.fixture
async def incident(client: Client) -> AsyncIterator[str]:
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Story],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await client.start_workflow(Story.run, id="incident-a-1", task_queue=QUEUE)
        yield handle.id
        with suppress(RPCError):  # it may have ended in its test
            await handle.terminate()


async def test_an_act_is_answered_with_what_it_did(client: Client, incident: str) -> None:
    answer = await Incidents(client).act(incident, Act.ACKNOWLEDGE, READ)
    assert answer == Answer(said="read 1 times", stage="waiting")


async def test_the_same_act_again_is_answered_the_same(client: Client, incident: str) -> None:
    incidents = Incidents(client)
    answers = [await incidents.act(incident, Act.ACKNOWLEDGE, READ, once=once) for once in "aab"]
    assert [answer.said for answer in answers] == ["read 1 times", "read 1 times", "read 2 times"]


async def test_a_refusal_has_the_workflows_own_words(client: Client, incident: str) -> None:
    with pytest.raises(Refused, match='"fixed" is refused at stage "probation"; allowed now: ack'):
        await Incidents(client).act(incident, Act.ACKNOWLEDGE, Acknowledge(by="nobody"))


async def test_an_incident_that_ends_under_an_act_refuses_it(client: Client, incident: str) -> None:
    with pytest.raises(Refused, match=r"was not carried out|is closed"):
        await Incidents(client).act(incident, Act.FIXED, Fixed(by="ana"))


async def test_a_closed_incident_says_that_it_is_closed(client: Client, incident: str) -> None:
    await client.get_workflow_handle(incident).terminate()
    with pytest.raises(Refused, match="incident-a-1 is closed"):
        await Incidents(client).act(incident, Act.ACKNOWLEDGE, READ)


async def test_an_unknown_incident_is_no_such_incident(client: Client) -> None:
    with pytest.raises(NoSuchIncident, match="there is no incident incident-b-1"):
        await Incidents(client).act("incident-b-1", Act.ACKNOWLEDGE, READ)


async def test_without_a_worker_the_wait_is_bounded(client: Client) -> None:
    handle = await client.start_workflow(Story.run, id="incident-c-1", task_queue="nobody-works")
    with pytest.raises(EngineAway, match="incident-c-1 gave no answer within 1 s"):
        await Incidents(client, patience=1.0).act(handle.id, Act.ACKNOWLEDGE, READ)
    await handle.terminate()


async def test_without_temporal_an_act_can_be_repeated_later() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    nowhere = await Client.connect(f"127.0.0.1:{port}", lazy=True)
    with pytest.raises(EngineAway):
        await Incidents(nowhere, patience=3.0).act("incident-a-1", Act.ACKNOWLEDGE, READ)
    assert not await Incidents(nowhere).available()
    server.close()
    await server.wait_closed()


async def test_temporal_that_answers_is_available(client: Client) -> None:
    assert await Incidents(client).available()
    assert Incidents(client).namespace == "default"
