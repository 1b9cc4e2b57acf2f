"""Delisting as it runs: a real worker, list and mail server, and an incident to close."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Pool
from temporalio.testing import WorkflowEnvironment

from book.blocklists import delisting
from domain.incident import Outcome, Stage
from tests.book.provider import ADDRESS, INCIDENT, an_incident
from tests.workflows import servers
from tests.workflows.world import a_plan
from workers.demo.blocklist import BlocklistServer
from workers.demo.inbox import Inbox
from workers.engine import TASK_QUEUE
from workers.incident_worker import build_worker
from workers.settings.provider import Settings
from workflows.incident import IncidentWorkflow
from workflows.state import Case, State

pytestmark = pytest.mark.real

ZEN = "zen.spamhaus.org"
SBL = "https://www.spamhaus.org/sbl/query/SBL123456"


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with await servers.real() as environment:
        yield environment


def released() -> Case:
    """An incident whose cause is gone and whose measure is lifted."""
    plan = replace(a_plan(probation=timedelta(seconds=1)), preferred=(), containment=())
    now = datetime.now(UTC)
    state = State(
        stage=Stage.DELISTING, plan=plan, fixed_at=now, restricted_at=now, look_again_seconds=1,
        probation_until=now,
    )  # fmt: skip
    return Case(incident=INCIDENT, service="vps-1", client="client-1", state=state)


async def test_a_listing_is_asked_for_by_mail_and_the_incident_closes_when_it_is_gone(
    temporal: WorkflowEnvironment, database: Pool, dsn: str
) -> None:
    await an_incident(database)
    # Who has reported it once is known to the workflow; nothing is new.
    await database.execute("DELETE FROM dirty")
    async with BlocklistServer(ZEN) as lists, Inbox() as inbox:
        lists.list(ADDRESS, SBL)
        settings = Settings.read({
            "PLAZO_DATABASE_URL": dsn,
            "PLAZO_PUBLIC_URL": "http://127.0.0.1:1",
            "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-test",
            "PLAZO_BLOCKLISTS": ZEN,
            "PLAZO_DNS": lists.address,
            "PLAZO_SMTP_URL": f"smtp://{inbox.address}",
            "PLAZO_REPLY_TO": "abuse@provider.example",
        })  # fmt: skip
        async with build_worker(settings, database, temporal.client):
            handle = await temporal.client.start_workflow(
                IncidentWorkflow.run, released(), id=INCIDENT, task_queue=TASK_QUEUE
            )
            letter = await inbox.wait_for(lambda each: "SBL123456" in each.subject)
            lists.unlist(ADDRESS)
            closed = await handle.result()
    assert letter.recipients == ("sbl-removals@spamhaus.org",)
    assert f"Please remove from {ZEN}:" in letter.message.get_content()
    assert closed.outcome is Outcome.REMEDIATED
    async with database.acquire() as connection:
        [asked] = await delisting.filed(connection, INCIDENT)
    assert asked.taken
    said = await database.fetchval(
        "SELECT count(*) FROM audit WHERE incident = $1 AND body::text LIKE '%removal from zen%'",
        INCIDENT,
    )
    assert said == 1
