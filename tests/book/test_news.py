"""Marks and digests: nothing that happens is lost, and nothing is told twice under one number."""

import asyncio

import pytest
from asyncpg import Pool

from book.incident import news
from book.incident.news import Stirred
from domain.incident import Outcome
from domain.news import Observed
from tests.book.provider import (
    INCIDENT,
    a_provider,
    an_incident,
    closed,
    imposed,
    is_listed,
    reported,
    seen,
)


async def take(pool: Pool) -> Stirred | None:
    async with news.taken(pool, INCIDENT) as stirred:
        return stirred


async def marks(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM dirty")
    return count


async def test_the_digest_counts_from_the_start(database: Pool) -> None:
    who = await an_incident(database)
    await take(database)
    await reported(database, "r-2", volume=40)
    await imposed(database, who)
    await seen(database, detail="as asked")
    await is_listed(database, who.incident)
    taken = await take(database)
    assert taken is not None
    assert (taken.incident, taken.service, taken.client) == (INCIDENT, "vps-1", "aurora")
    assert (taken.news.reports, taken.news.volume) == (2, 41)
    assert taken.news.listed == ("192.0.2.7 bl.example",)
    assert taken.news.sightings["m-1"].observed is Observed.APPLIED
    assert taken.news.sightings["m-1"].detail == "as asked"


async def test_the_digest_counts_every_report_and_each_message_once(database: Pool) -> None:
    await a_provider(database)
    for name, volume in (("r-1", 2), ("r-2", 9), ("r-3", 4)):
        await reported(database, name, fingerprint="one message", volume=volume)
    taken = await take(database)
    assert taken is not None
    assert (taken.news.reports, taken.news.volume) == (3, 9)


async def test_any_number_of_marks_are_one_digest(database: Pool) -> None:
    await a_provider(database)
    for number in range(20):
        await reported(database, f"r-{number}")
    assert await news.stirred(database, 0) == (INCIDENT,)
    taken = await take(database)
    assert taken is not None
    assert taken.news.reports == 20
    assert await take(database) is None
    assert await news.stirred(database, 0) == ()


async def test_an_incident_is_not_woken_again_before_the_interval_is_over(database: Pool) -> None:
    await an_incident(database)
    await take(database)
    await reported(database, "r-2")
    assert await news.stirred(database, 3_600) == ()
    assert await news.stirred(database, 0) == (INCIDENT,)


async def test_a_mark_that_comes_while_the_digest_is_read_is_not_lost(database: Pool) -> None:
    await an_incident(database)
    async with news.taken(database, INCIDENT) as first:
        await reported(database, "r-2")
    assert first is not None
    assert first.news.reports == 1
    second = await take(database)
    assert second is not None
    assert second.news.reports == 2
    assert second.news.revision > first.news.revision


async def test_two_at_once_never_both_take_it(database: Pool) -> None:
    await an_incident(database)
    async with news.taken(database, INCIDENT) as first:
        assert first is not None
        assert await take(database) is None


async def test_many_at_once_tell_each_revision_once_and_lose_nothing(database: Pool) -> None:
    await a_provider(database)
    told: list[Stirred] = []
    reporting = True

    async def dispatch() -> None:
        while reporting or await marks(database):
            taken = await take(database)
            if taken is not None:
                told.append(taken)

    dispatchers = [asyncio.create_task(dispatch()) for _ in range(4)]
    await asyncio.gather(*(reported(database, f"r-{number}") for number in range(100)))
    reporting = False
    await asyncio.gather(*dispatchers)
    latest = max(told, key=lambda each: each.news.revision)
    assert latest.news.reports == 100
    assert len({each.news.revision for each in told}) == len(told)


async def test_marks_that_could_not_be_told_stay_and_use_up_their_revision(
    database: Pool,
) -> None:
    await an_incident(database)
    told: list[Stirred | None] = []

    async def tell() -> None:
        async with news.taken(database, INCIDENT) as stirred:
            told.append(stirred)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await tell()
    [first] = told
    second = await take(database)
    assert first is not None
    assert second is not None
    assert second.news.revision > first.news.revision
    assert second.news.reports == 1


async def test_news_of_a_closed_incident_are_for_nobody(database: Pool) -> None:
    """Its workflow may be forgotten by now, and would be told from the start."""
    who = await an_incident(database)
    await imposed(database, who)
    await closed(database, INCIDENT, Outcome.TERMINATED)
    await seen(database)
    assert await take(database) is None
    assert await marks(database) == 0


async def test_the_first_of_many_marks_notifies(database: Pool) -> None:
    await a_provider(database)
    heard: list[object] = []
    async with database.acquire() as connection:

        def hear(connection: object, pid: int, channel: str, payload: object) -> None:
            heard.append(payload)

        await connection.add_listener(news.CHANNEL, hear)
        for number in range(5):
            await reported(database, f"r-{number}")
        await take(database)
        await reported(database, "r-5")
        await connection.fetchval("SELECT 1")
        await connection.remove_listener(news.CHANNEL, hear)
    assert heard == [INCIDENT, INCIDENT]
