"""New code takes over while an incident waits."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from book.clientele import clients
from domain.acts import Fixed
from domain.clientele.file import read_clientele
from domain.incident import Act
from gateway.incidents import Incidents
from tests.real.reports import a_report
from workers import engine, incident_worker, stack
from workers.demo.blocklist import BlocklistServer
from workers.demo.clientele import INCIDENT, clientele
from workers.demo.inbox import Inbox
from workers.demo.world import ZONE
from workers.embedded.home import Home, temporary_folder
from workers.engine import TASK_QUEUE
from workers.settings.provider import Settings

pytestmark = pytest.mark.real


@pytest.fixture
def home() -> Iterator[Home]:
    with temporary_folder() as folder:
        yield Home.at(folder / "home")


async def test_a_waiting_incident_moves_to_the_version_that_is_made_current(home: Home) -> None:
    file = clientele(measures="hold_domain", containment=False, deadline=3_600, probation=1)
    with home.claim():
        async with (
            stack.servers(home) as (postgres, temporal),
            Inbox() as inbox,
            BlocklistServer(ZONE) as blocklist,
        ):
            env = {
                "PLAZO_DATABASE_URL": postgres.dsn,
                "PLAZO_PUBLIC_URL": "http://127.0.0.1:1",
                "PLAZO_PORTAL_SECRET": "0123456789abcdef",
                "PLAZO_SMTP_URL": f"smtp://{inbox.address}",
                "PLAZO_BLOCKLISTS": ZONE,
                "PLAZO_DNS": blocklist.address,
                "PLAZO_NEWS_INTERVAL": "0.2s",
                "PLAZO_VERIFY": "1s",
            }
            client = await engine.connect({"TEMPORAL_ADDRESS": temporal.address})
            pool = await engine.database(postgres.dsn)
            await clients.keep(pool, read_clientele(file))
            async with a_worker(env, "old", client):
                await a_report(pool)
                await inbox.wait_for(lambda letter: "please act by" in letter.subject, 30)
            async with a_worker(env, "new", client):
                act = Fixed(by="client", note="closed")
                answer = await Incidents(client).act(INCIDENT, Act.FIXED, act)
                handle = client.get_workflow_handle(INCIDENT)
                closed = await asyncio.wait_for(handle.result(), 60)
            await pool.close()
    assert answer.said.startswith("Recorded")
    assert closed["outcome"] == "remediated"


@asynccontextmanager
async def a_worker(env: dict[str, str], build_id: str, client: Client) -> AsyncIterator[None]:
    """A worker of one version, which is the current one from now on."""
    settings = Settings.read({**env, "PLAZO_BUILD_ID": build_id})
    pool = await engine.database(settings.database_url)
    stopping = asyncio.Event()
    working = asyncio.create_task(incident_worker.work(settings, pool, client, stopping))
    try:
        await make_current(client, build_id)
        yield
    finally:
        stopping.set()
        await working
        await pool.close()


async def make_current(client: Client, build_id: str) -> None:
    """As `temporal worker deployment set-current-version` does, once the version is known."""
    async with asyncio.timeout(30):
        while True:
            try:
                await client.workflow_service.set_worker_deployment_current_version(
                    SetWorkerDeploymentCurrentVersionRequest(
                        namespace=client.namespace, deployment_name=TASK_QUEUE, build_id=build_id
                    )
                )
            except RPCError:
                await asyncio.sleep(0.1)
                continue
            described = await client.workflow_service.describe_worker_deployment_version(
                DescribeWorkerDeploymentVersionRequest(
                    namespace=client.namespace, version=f"{TASK_QUEUE}.{build_id}"
                )
            )
            status = described.worker_deployment_version_info.status
            assert status == WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT
            return
