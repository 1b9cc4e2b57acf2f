"""Tasks for people: due, taken, handed on, done once, and on their incident's chain."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Pool

from book.database import transaction
from book.incident import news, tasks
from book.incident.tasks import NoSuchTask, Outcome, TaskDone, ToldWhen
from domain.steps import TaskKind
from domain.tasks import ANY_OTHER, WITHIN, Task
from tests.book.provider import INCIDENT, an_incident

KEY = f"{INCIDENT}/task/1"


async def a_task(
    pool: Pool, key: str = KEY, kind: TaskKind = TaskKind.CALL_CLIENT, about: str | None = None
) -> None:
    async with transaction(pool) as connection:
        await tasks.open_task(connection, INCIDENT, key, kind, "Call them", about=about)


async def listed(pool: Pool, **which: object) -> list[str]:
    async with transaction(pool) as connection:
        found = await tasks.find(connection, **which)  # type: ignore[arg-type]
    return [task.key for task in found]


async def assigned(pool: Pool, owner: str, **more: object) -> Task:
    async with transaction(pool) as connection:
        return await tasks.assign(connection, KEY, owner, "eva", **more)  # type: ignore[arg-type]


async def finished(pool: Pool, outcome: str = "reached", **more: object) -> Task:
    async with transaction(pool) as connection:
        what = Outcome(by="ana", outcome=outcome, **more)  # type: ignore[arg-type]
        return await tasks.finish(connection, KEY, what)


async def test_a_task_is_due_as_long_after_its_opening_as_its_kind_gives(database: Pool) -> None:
    await an_incident(database)
    for number, kind in enumerate(TaskKind):
        await a_task(database, f"t/{number}", kind)
    async with transaction(database) as connection:
        for task in await tasks.find(connection):
            assert task.due - task.opened_at == WITHIN.get(task.kind, ANY_OTHER)


async def test_the_most_urgent_comes_first_and_only_what_was_asked_for(database: Pool) -> None:
    await an_incident(database)
    await a_task(database, "t/slow", TaskKind.NOTICE_BOUNCED)
    await a_task(database, KEY)
    await assigned(database, "ana")
    assert await listed(database) == [KEY, "t/slow"]
    assert await listed(database, owner="ana") == [KEY]
    assert await listed(database, owner="nobody") == []
    assert await listed(database, due_by=datetime.now(UTC)) == []
    assert await listed(database, due_by=datetime.now(UTC) + timedelta(hours=2)) == [KEY]
    await finished(database)
    assert await listed(database) == ["t/slow"]
    assert await listed(database, done=True) == ["t/slow", KEY]


async def test_a_task_is_handed_on_with_another_time(database: Pool) -> None:
    await an_incident(database)
    await a_task(database)
    await assigned(database, "ana")
    due = datetime.now(UTC) + timedelta(days=3)
    task = await assigned(database, "eva", due_at=due)
    assert (task.owner, task.due) == ("eva", due)
    entries = await database.fetch("SELECT body FROM audit WHERE source LIKE 'task:%' ORDER BY seq")
    assert [json.loads(entry["body"])["owner"] for entry in entries] == ["ana", "eva"]


async def test_what_came_of_it_is_on_record_and_wakes_the_incident(database: Pool) -> None:
    await an_incident(database)
    await a_task(database)
    await database.execute("DELETE FROM dirty")
    told_at = datetime.now(UTC)
    task = await finished(database, minutes=12, told_at=told_at)
    assert (task.outcome, task.done_by, task.minutes) == ("reached", "ana", 12)
    entry = await database.fetchval("SELECT body FROM audit WHERE source LIKE 'task:%done%'")
    assert json.loads(entry)["outcome"] == "reached"
    async with news.taken(database, INCIDENT) as stirred:
        assert stirred is not None
        assert (stirred.news.told_at, stirred.news.tasks_done) == (told_at, 1)


async def test_a_task_is_done_once_whoever_comes_at_the_same_time(database: Pool) -> None:
    await an_incident(database)
    await a_task(database)
    outcomes = await asyncio.gather(
        *(finished(database, f"outcome {n}") for n in range(4)), return_exceptions=True
    )
    [won] = [each for each in outcomes if isinstance(each, Task)]
    lost = [each for each in outcomes if isinstance(each, TaskDone)]
    assert len(lost) == 3
    assert all(str(won.outcome) in str(each) for each in lost)
    with pytest.raises(TaskDone):
        await assigned(database, "eva")


@pytest.mark.parametrize("away", [timedelta(days=-3), timedelta(hours=1)])
async def test_nobody_is_told_before_the_incident_or_later_than_now(
    database: Pool, away: timedelta
) -> None:
    await an_incident(database)
    await a_task(database)
    with pytest.raises(ToldWhen, match="correct the moment"):
        await finished(database, told_at=datetime.now(UTC) + away)
    assert await listed(database) == [KEY]


async def test_a_key_that_is_not_there_is_said_so(database: Pool) -> None:
    with pytest.raises(NoSuchTask, match="plazo task list"):
        await finished(database)


async def test_one_open_task_stands_for_all_about_the_same(database: Pool) -> None:
    await an_incident(database)
    for number in range(3):
        await a_task(database, f"t/{number}", TaskKind.NOTICE_BOUNCED, about="a@b.example")
    assert await listed(database) == ["t/0"]
