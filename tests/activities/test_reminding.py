"""Reminding the desk of what is due: one mail for all, at most one a day for each task."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.reminding import Reminding
from activities.smtp import MailServer
from book.database import transaction
from book.incident import tasks
from book.letters.notices import Sender
from domain.steps import Remind, Reminded, TaskKind
from tests.activities.mail_servers import Picky
from tests.book.provider import INCIDENT, an_incident

pytestmark = pytest.mark.real


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Picky]:
    async with Picky() as inbox:
        yield inbox


async def reminded(pool: Pool, inbox: Picky) -> Reminded:
    reminding = Reminding(
        pool=pool,
        mail_server=MailServer.at(f"smtp://{inbox.address}"),
        sender=Sender(provider="Proveedor", reply_to="abuse@provider.example"),
        desk="desk@provider.example",
    )
    answer = await ActivityEnvironment().run(reminding.remind_of_tasks, Remind())
    assert isinstance(answer, Reminded)
    return answer


async def a_task(pool: Pool, key: str, kind: TaskKind, hours: int, detail: str = "Call") -> None:
    """Opened so many hours ago."""
    async with transaction(pool) as connection:
        await tasks.open_task(connection, INCIDENT, key, kind, detail)
    await pool.execute(
        "UPDATE tasks SET opened_at = now() - make_interval(hours => $2) WHERE key = $1", key, hours
    )


async def test_one_mail_names_all_that_is_due(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    await a_task(database, "t/1", TaskKind.CALL_CLIENT, 3, "Call\nthem " + "x" * 400)
    await a_task(database, "t/2", TaskKind.NOTICE_BOUNCED, 3)
    await a_task(database, "t/3", TaskKind.NO_MEASURE_TOOK_HOLD, 1)
    async with transaction(database) as connection:
        await tasks.assign(connection, "t/1", "ana", "eva")
    assert await reminded(database, inbox) == Reminded(tasks=2)
    [mail] = inbox.messages
    assert mail.recipients == ("desk@provider.example",)
    assert mail.subject == "2 tasks are due: 1 of ana, 1 of nobody"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    text = mail.message.get_content()
    assert f"call_client of {INCIDENT}, ana, due for 2 h 00 min" in text
    assert "nobody has taken it, due for 0 h 30 min" in text
    assert "plazo task done KEY" in text
    assert "t/2" not in text


async def test_nobody_is_reminded_twice_a_day_or_of_what_is_done(
    database: Pool, inbox: Picky
) -> None:
    await an_incident(database)
    await a_task(database, "t/1", TaskKind.CALL_CLIENT, 3)
    assert await reminded(database, inbox) == Reminded(tasks=1)
    assert await reminded(database, inbox) == Reminded(tasks=0)
    await database.execute("UPDATE tasks SET reminded_at = now() - interval '25 hours'")
    assert await reminded(database, inbox) == Reminded(tasks=1)
    await database.execute("UPDATE tasks SET reminded_at = NULL, done_at = now()")
    assert await reminded(database, inbox) == Reminded(tasks=0)
    assert len(inbox.messages) == 2


async def test_whoever_gets_a_task_is_reminded_of_it_anew(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    await a_task(database, "t/1", TaskKind.CALL_CLIENT, 3)
    await reminded(database, inbox)
    async with transaction(database) as connection:
        await tasks.assign(connection, "t/1", "ana", "eva")
    await reminded(database, inbox)
    assert inbox.messages[-1].subject == "1 task is due: 1 of ana"
