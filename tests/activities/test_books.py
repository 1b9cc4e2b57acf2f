"""The steps that only write to the book: once, however often they are carried out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.books import Books
from domain.incident import Outcome
from domain.measures import Measure, Restriction, Scope
from domain.steps import (
    AskPerson,
    CompleteTasks,
    Done,
    Finish,
    Finished,
    Impose,
    Imposed,
    Lift,
    Moments,
    Reckon,
    SetRight,
    TaskKind,
    Verified,
    Verify,
)
from tests.book.provider import HOLD, HOST, INCIDENT, REDIRECT, an_incident, reported, seen

pytestmark = pytest.mark.real

LIMIT = Restriction(measure=Measure.RATE_LIMIT, scope=Scope.SERVER, targets=(HOST,))


async def twice(step: Any, what: object) -> object:
    """What a step says, the second time the same as the first."""
    first = await ActivityEnvironment().run(step, what)
    assert await ActivityEnvironment().run(step, what) == first
    return first


async def test_a_measure_takes_its_parameters_from_contract_and_settings(database: Pool) -> None:
    await an_incident(database)
    books = Books(pool=database, smarthost="smarthost.example:25")
    for key, restriction in (("m-1", HOLD), ("m-2", LIMIT), ("m-3", REDIRECT)):
        what = Impose(incident=INCIDENT, key=key, restriction=restriction)
        assert await twice(books.impose_measure, what) == Imposed(accepted=True)
    rows = await database.fetch("SELECT parameters FROM measures ORDER BY key")
    limit = await database.fetchval("SELECT (terms -> 'hourly_limit')::int FROM contracts")
    assert [row["parameters"] for row in rows] == [
        {},
        {"hourly_limit": limit},
        {"smarthost": "smarthost.example:25"},
    ]


async def test_without_a_smarthost_the_contract_s_next_measure_is_taken(database: Pool) -> None:
    await an_incident(database)
    what = Impose(incident=INCIDENT, key="m-1", restriction=REDIRECT)
    answer = await twice(Books(pool=database).impose_measure, what)
    assert answer == Imposed(accepted=False, why="no smarthost is set up (PLAZO_SMARTHOST)")


async def test_held_mail_of_the_offenders_stays_held_unless_somebody_answers_for_it(
    database: Pool,
) -> None:
    await an_incident(database)
    await reported(database, "r-2", sender="ventas@shop.example", domain="shop.example")
    await reported(database, "r-3", domain="other.example")
    books = Books(pool=database)
    await twice(books.impose_measure, Impose(incident=INCIDENT, key="m-1", restriction=HOLD))
    lift = Lift(incident=INCIDENT, keys=("m-1",), discard_senders=("a@shop.example",))
    assert await twice(books.lift_measures, lift) == Done()
    row = await database.fetchrow("SELECT wanted, keep_senders, discard_senders FROM measures")
    assert row is not None
    assert tuple(row) == (
        "lifted",
        ["@other.example", "ventas@shop.example"],
        ["a@shop.example"],
    )


async def test_what_is_set_right_is_lifted_for_good(database: Pool) -> None:
    await an_incident(database)
    books = Books(pool=database)
    await twice(books.impose_measure, Impose(incident=INCIDENT, key="m-1", restriction=HOLD))
    await seen(database)
    await twice(books.set_right, SetRight(incident=INCIDENT, reason="it was no spam"))
    row = await database.fetchrow("SELECT wanted, keep_senders FROM measures")
    assert row is not None
    assert tuple(row) == ("lifted", [])
    late = Impose(incident=INCIDENT, key="m-2", restriction=HOLD)
    answer = await twice(books.impose_measure, late)
    assert isinstance(answer, Imposed)
    assert not answer.accepted


async def test_a_task_is_opened_and_done_once(database: Pool) -> None:
    await an_incident(database)
    books = Books(pool=database)
    ask = AskPerson(incident=INCIDENT, key="t-1", kind=TaskKind.CALL_CLIENT, detail="call them")
    await twice(books.ask_person, ask)
    done = CompleteTasks(incident=INCIDENT, kind=TaskKind.CALL_CLIENT, outcome="they know")
    await twice(books.complete_tasks, done)
    later = CompleteTasks(incident=INCIDENT, kind=TaskKind.CALL_CLIENT, outcome="called again")
    await twice(books.complete_tasks, later)
    [task] = await database.fetch("SELECT outcome, done_at IS NOT NULL AS done FROM tasks")
    assert (task["outcome"], task["done"]) == ("they know", True)


async def test_a_deadline_is_moved_in_the_contract_s_calendar(database: Pool) -> None:
    await an_incident(database)
    start = datetime(2026, 11, 24, 12, tzinfo=UTC)
    for seconds in (7_200, -7_200):
        what = Reckon(incident=INCIDENT, start=start, seconds=seconds)
        moments = await twice(Books(pool=database).reckon_deadline, what)
        assert isinstance(moments, Moments)
        assert moments.deadline == start + timedelta(seconds=seconds)
        assert all(each < moments.deadline for each in moments.reminders)


async def test_mail_sent_since_the_client_said_fixed_is_no_remedy(database: Pool) -> None:
    await an_incident(database)
    fixed = datetime.now(UTC)
    verify = Verify(incident=INCIDENT, since=fixed)
    assert await twice(Books(pool=database).verify_remedy, verify) == Verified(clean=True)
    await reported(database, "r-2", sent_at=fixed + timedelta(seconds=1))
    answer = await twice(Books(pool=database).verify_remedy, verify)
    assert isinstance(answer, Verified)
    assert not answer.clean


async def test_books_that_are_closed_stay_closed(database: Pool) -> None:
    await an_incident(database)
    close = Books(pool=database).close_incident
    early = Finish(incident=INCIDENT, outcome=Outcome.REMEDIATED, news_revision=0)
    assert await twice(close, early) == Finished(closed=False)
    finish = Finish(incident=INCIDENT, outcome=Outcome.WITHDRAWN)
    assert await twice(close, finish) == Finished(closed=True)
    assert await twice(close, early) == Finished(closed=True)
    assert await database.fetchval("SELECT outcome FROM incidents") == "withdrawn"
