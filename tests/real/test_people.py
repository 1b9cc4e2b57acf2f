"""Telling a client on real servers: what comes back, who is told next, and when the wait begins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.client import Client
from temporalio.service import RPCError

from book.clientele import clients
from book.database import transaction
from book.incident import tasks
from book.incident.tasks import Outcome
from book.intake import intake
from book.letters import correspondence
from domain.clientele.file import Clientele, Host
from domain.clientele.signed import Signed
from domain.measures import Measure
from domain.steps import TaskKind
from gateway.mail.arrival import Mailroom
from tests.activities.mail_servers import Picky
from tests.book.provider import a_report
from tests.domain.builders import a_client, a_contract, a_service
from tests.gateway.test_answers import a_dsn, a_mail
from tests.workflows import servers
from workers import incident_worker, reminding
from workers.settings.provider import Settings

pytestmark = pytest.mark.real

FIRST, SECOND = "abuse@aurora.example", "soporte@aurora.example"
INCIDENT = "incident-vps-1-1"


@dataclass
class Desk:
    """A provider at work, and what its client's mail server gets."""

    pool: Pool
    inbox: Picky
    client: Client

    async def comes(self, what: str, *values: object) -> Any:
        """Wait until a query has an answer that is not NULL or false; the answer."""
        async with asyncio.timeout(40):
            while not (found := await self.pool.fetchval(what, *values)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return found

    async def task(self, kind: TaskKind) -> str:
        """The key of the first open task of a kind, come or still to come."""
        what = (
            "SELECT key FROM tasks WHERE kind = $1 AND done_at IS NULL ORDER BY opened_at LIMIT 1"
        )
        key: str = await self.comes(what, kind)
        return key


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with await servers.real() as environment:
        yield environment.client


@asynccontextmanager
async def working(
    pool: Pool, client: Client, *, desk: str | None = None, **refusing: str
) -> AsyncIterator[Desk]:
    """One report has come about a client with two contacts. `refusing` are answers to RCPT TO."""
    await clients.keep(pool, _clientele())
    async with Picky() as inbox:
        inbox.to_recipients = refusing
        given = {
            "PLAZO_DATABASE_URL": "postgresql://plazo@127.0.0.1/not-asked",
            "PLAZO_PUBLIC_URL": "https://plazo.provider.example",
            "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-test",
            "PLAZO_OPERATOR_KEY": "the-operators-key-of-a-test", "PLAZO_SMTP_URL": f"smtp://{inbox.address}",
            "PLAZO_REPLY_TO": "abuse@provider.example", "PLAZO_NEWS_INTERVAL": "0.1s",
            "PLAZO_WATCH": "none",
        }  # fmt: skip
        settings = replace(Settings.read(given), blocklists=(), desk=desk)
        await intake.accept(pool, a_report())
        stopping = asyncio.Event()
        work = asyncio.create_task(incident_worker.work(settings, pool, client, stopping))
        try:
            yield Desk(pool=pool, inbox=inbox, client=client)
        finally:
            stopping.set()
            await work
            with suppress(RPCError):  # it may not have begun
                await client.get_workflow_handle(INCIDENT).terminate()


def _clientele() -> Clientele:
    contract = replace(a_contract(), measures=(Measure.HOLD_DOMAIN,), containment=False)
    return Clientele(
        hosts=(Host(id="mx1.provider.example"),),
        clients=(replace(a_client(), contacts=(FIRST, SECOND)),),
        contracts=(Signed(contract=contract),),
        services=(a_service(addresses=("192.0.2.7/32",)),),
    )


_DEADLINE = "SELECT deadline FROM incidents WHERE id = $1 AND stage = 'waiting'"


async def test_what_bounces_goes_to_the_next_contact_with_the_whole_deadline(
    database: Pool, client: Client
) -> None:
    async with working(database, client) as desk:
        first = await desk.inbox.wait_for(lambda letter: True)
        before = await desk.comes(_DEADLINE, INCIDENT)
        mailroom = Mailroom(
            partial(intake.accept, database), answers=partial(correspondence.keep, database)
        )
        message_id = first.message["Message-ID"]
        await mailroom.keep(a_dsn(original=f"Message-ID: {message_id}\r\n"), "")
        second = await desk.inbox.wait_for(lambda letter: letter.recipients == (SECOND,))
        assert first.recipients == (FIRST,)
        assert second.message["Message-ID"] != message_id
        after = await desk.comes(_DEADLINE + " AND deadline > $2", INCIDENT, before)
        assert after > before
        assert await desk.task(TaskKind.NOTICE_BOUNCED)
        reply = a_mail("What is this?", In_Reply_To=second.message["Message-ID"])
        await mailroom.keep(reply, SECOND)
        assert await desk.task(TaskKind.CLIENT_WROTE)
        chain = await database.fetch("SELECT source FROM audit WHERE incident = $1", INCIDENT)
        assert sum(row["source"].startswith("mail:") for row in chain) == 2


async def test_a_client_whom_no_letter_reaches_has_no_deadline_until_a_person_tells_them(
    database: Pool, client: Client
) -> None:
    no = "550 5.1.1 no such user"
    async with working(database, client, **{FIRST: no, SECOND: no}) as desk:
        key = await desk.task(TaskKind.NOTICE_UNDELIVERABLE)
        await desk.comes("SELECT stage = 'waiting' FROM incidents WHERE id = $1", INCIDENT)
        assert await database.fetchval("SELECT deadline FROM incidents") is None
        assert desk.inbox.messages == []
        told_at = datetime.now(UTC)
        async with transaction(database) as connection:
            what = Outcome(by="ana", outcome="told by phone", minutes=5, told_at=told_at)
            await tasks.finish(connection, key, what)
        deadline = await desk.comes(_DEADLINE, INCIDENT)
        assert abs(deadline - told_at - timedelta(hours=4)) < timedelta(seconds=1)


async def test_the_desk_is_reminded_of_what_is_due_as_long_as_it_has_an_address(
    database: Pool, client: Client
) -> None:
    async with working(database, client, desk="desk@provider.example") as desk:
        await desk.inbox.wait_for(lambda letter: letter.recipients == (FIRST,))
        await database.execute(
            "INSERT INTO tasks (key, kind, detail, opened_at)"
            " VALUES ('t/1', 'call_client', 'Call Aurora', now() - interval '2 hours')"
        )
        schedule = client.get_schedule_handle(reminding.SCHEDULE)
        await schedule.trigger()
        mail = await desk.inbox.wait_for(
            lambda letter: letter.recipients == ("desk@provider.example",), seconds=40
        )
        assert "Call Aurora" in mail.message.get_content()
        await reminding.keep_schedule(client, "desk@provider.example")  # there already
        await reminding.keep_schedule(client, None)
        with pytest.raises(RPCError):
            await schedule.describe()
        await reminding.keep_schedule(client, None)  # gone already
