"""`plazo task`: who has what to do, until when, and what came of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncpg import Pool

from book.database import transaction
from book.incident import tasks
from domain.steps import TaskKind
from tests.book.provider import INCIDENT, an_incident
from tests.workers.command import Plazo

KEY = f"{INCIDENT}/task/1"


@pytest.fixture
async def plazo(database: Pool, dsn: str, tmp_path: Path) -> Plazo:
    """The command line of a provider with one incident, and one task about it."""
    await an_incident(database)
    await opened(database, KEY, TaskKind.NOTICE_UNDELIVERABLE)
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


async def opened(pool: Pool, key: str, kind: TaskKind) -> None:
    async with transaction(pool) as connection:
        await tasks.open_task(connection, INCIDENT, key, kind, "tell the client")


async def listed(plazo: Plazo, *options: str) -> list[dict[str, object]]:
    said = await plazo("task", "list", "--json", *options)
    assert (said.code, said.err) == (0, "")
    found: list[dict[str, object]] = json.loads(said.out)
    return found


async def test_a_task_is_taken_handed_on_and_done(plazo: Plazo, database: Pool) -> None:
    said = await plazo("task", "take", KEY, "--by=ana")
    assert said.code == 0
    assert said.out.startswith(f"{KEY} is ana's, due ")
    assert [task["key"] for task in await listed(plazo, "--mine", "--by=ana")] == [KEY]
    assert await listed(plazo, "--mine", "--by=eva") == []
    said = await plazo("task", "reassign", KEY, "--to=eva", "--due=2030-01-01T10:00+01:00")
    assert said.out == f"{KEY} is eva's, due 2030-01-01 09:00 UTC\n"
    assert await listed(plazo, "--due") == []
    told = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    await database.execute("UPDATE incidents SET opened_at = now() - interval '1 hour'")
    said = await plazo(
        "task", "done", KEY, "--outcome=told by phone", f"--told-at={told}", "--minutes=7",
        "--by=eva",
    )  # fmt: skip
    assert (said.code, said.out, said.err) == (0, f"{KEY} is done: told by phone\n", "")
    assert await listed(plazo) == []
    [task] = await listed(plazo, "--done")
    assert (task["done_by"], task["minutes"], task["outcome"]) == ("eva", 7, "told by phone")
    table = await plazo("task", "list", "--done")
    assert "told by phone" in table.out


async def test_a_call_says_whether_the_client_was_reached(plazo: Plazo, database: Pool) -> None:
    await opened(database, "t/2", TaskKind.CALL_CLIENT)
    said = await plazo("task", "done", "t/2", "--outcome=busy")
    assert (said.code, said.out) == (1, "")
    assert "add --reached or --not-reached" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("done", "nothing", "--outcome=x"), 1, "plazo task list"),
        (("take", "nothing"), 1, "plazo task list"),
        (("done", KEY, "--outcome= "), 2, "say what came of it"),
        (("done", KEY), 2, "--outcome"),
        (("done", KEY, "--outcome=x", "--told-at=yesterday"), 2, "2026-11-24T14:30+01:00"),
        (("done", KEY, "--outcome=x", "--told-at=2026-11-24T14:30"), 2, "is not a moment"),
        (("done", KEY, "--outcome=x", "--told-at=2020-01-01T00:00Z"), 1, "correct the moment"),
        (("done", KEY, "--outcome=x", "--minutes=-1"), 2, "minutes"),
        (("reassign", KEY, "--to= "), 1, "name a person"),
        (("list", "--mine", "--owner=ana"), 2, "leave one out"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(
    plazo: Plazo, arguments: tuple[str, ...], code: int, told: str
) -> None:
    said = await plazo("task", *arguments)
    assert (said.code, said.out) == (code, "")
    assert told in " ".join(said.err.replace("│", " ").split())
    assert "Traceback" not in said.err


async def test_what_is_done_stays_as_it_is(plazo: Plazo) -> None:
    await plazo("task", "done", KEY, "--outcome=first", "--by=ana")
    said = await plazo("task", "done", KEY, "--outcome=second", "--by=eva")
    assert said.code == 1
    assert "is done by ana: first; what came of it stands" in said.err
