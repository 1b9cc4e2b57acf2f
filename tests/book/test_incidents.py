"""An incident's own row: closing it, and how it looks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Pool, Record

from book.database import transaction
from book.incident import audit, incidents, news
from domain.chronicle import Chronicle
from domain.incident import Outcome
from domain.steps import TaskKind, View
from tests.book.provider import (
    ADDRESS,
    HOLD,
    INCIDENT,
    an_incident,
    closed,
    parties_of,
    reported,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FIRST = View(revision=3, stage="waiting", outcome=None, deadline=NOW, measure=None, upcoming=HOLD)


async def looks(pool: Pool, view: View) -> Record:
    async with pool.acquire() as connection:
        chronicle = Chronicle(incident=INCIDENT, view=view)
        await audit.append_and_show(connection, chronicle, [(f"view:{view.revision}", {})])
    return await row(pool)


async def row(pool: Pool) -> Record:
    found = await pool.fetchrow("SELECT * FROM incidents WHERE id = $1", INCIDENT)
    assert found is not None
    return found


async def wake(pool: Pool) -> int:
    async with news.taken(pool, INCIDENT) as stirred:
        assert stirred is not None
        return stirred.news.revision


async def test_an_older_view_never_overwrites_a_newer_one(database: Pool) -> None:
    await an_incident(database)
    newer = await looks(database, replace(FIRST, revision=7, stage="restricted", measure=str(HOLD)))
    assert (newer["stage"], newer["deadline"], newer["measure"]) == ("restricted", NOW, str(HOLD))
    for late in (FIRST, replace(FIRST, revision=7)):
        assert await looks(database, late) == newer


async def test_a_view_neither_closes_the_books_nor_opens_them_again(database: Pool) -> None:
    await an_incident(database)
    assert (await looks(database, replace(FIRST, stage="closed")))["stage"] == "open"
    await closed(database, INCIDENT)
    assert (await looks(database, replace(FIRST, revision=9)))["stage"] == "closed"


async def test_news_that_was_not_heard_keeps_it_open(database: Pool) -> None:
    await an_incident(database)
    assert not await closed(database, INCIDENT, heard=1_000)  # a mark that nobody has taken
    heard = await wake(database)
    assert not await closed(database, INCIDENT, heard=heard - 1)
    assert (await row(database))["stage"] == "open"
    assert await closed(database, INCIDENT, heard=heard)
    assert (await row(database))["closed_at"] is not None


async def test_a_person_closes_it_whatever_news_there_is(database: Pool) -> None:
    await an_incident(database)
    assert await closed(database, INCIDENT, Outcome.WITHDRAWN)
    assert await database.fetchval("SELECT count(*) FROM dirty") == 0


async def test_closing_ends_its_tasks_but_one(database: Pool) -> None:
    await an_incident(database)
    await database.executemany(
        "INSERT INTO tasks (key, incident, kind, detail) VALUES ($1, $2, $1, '')",
        [(kind, INCIDENT) for kind in (TaskKind.CALL_CLIENT, TaskKind.DECIDE_ON_SERVICE)],
    )
    await closed(database, INCIDENT)
    left = await database.fetch("SELECT kind FROM tasks WHERE done_at IS NULL")
    assert [task["kind"] for task in left] == ["decide_on_service"]


async def test_what_does_not_exist_is_not_closed(database: Pool) -> None:
    with pytest.raises(LookupError, match="incident-none-1"):
        await closed(database, "incident-none-1")


async def test_earlier_incidents_count_but_not_what_was_no_spam(database: Pool) -> None:
    await an_incident(database)
    for number, outcome in enumerate(Outcome, 1):
        await closed(database, f"incident-vps-1-{number}", outcome)
        latest = await reported(database, f"r-{number + 1}", volume=number)
    who = await parties_of(database, latest)
    async with transaction(database) as connection:
        facts = await incidents.facts(connection, who, ("192.0.2.7",))
    assert len(facts.earlier) == 2  # remediated and terminated
    assert facts.listed == (ADDRESS,)
    assert (facts.reports, facts.volume, facts.addresses) == (1, 4, (ADDRESS,))


async def test_only_mail_that_was_sent_since_is_an_offence(database: Pool) -> None:
    await an_incident(database)
    fixed = datetime.now(UTC)
    await reported(database, "r-2", sent_at=fixed - timedelta(hours=1))
    async with transaction(database) as connection:
        assert await incidents.offences_since(connection, INCIDENT, fixed) == ()
    await reported(database, "r-3", sent_at=fixed + timedelta(seconds=1))
    async with transaction(database) as connection:
        [why] = await incidents.offences_since(connection, INCIDENT, fixed)
    assert why.startswith("1 reports of mail sent since")
