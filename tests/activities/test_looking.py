"""Assessing an incident and looking at the blocklists, against a real list and a real book."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.blocklists.dnsbl import Blocklists
from activities.looking import Looking
from book.clientele import clients
from domain.ladder import Rung
from domain.measures import Measure
from domain.steps import Assess, Assessment, CheckLists, Listings, WayOut
from tests.book.provider import ADDRESS, INCIDENT, a_clientele, an_incident, reported
from tests.domain.builders import a_service
from workers.demo.blocklist import BlocklistServer

pytestmark = pytest.mark.real


@pytest_asyncio.fixture
async def lists() -> AsyncIterator[BlocklistServer]:
    async with BlocklistServer("bl.example", "zen.example") as lists:
        yield lists


def looking(pool: Pool, lists: BlocklistServer) -> Looking:
    return Looking(
        pool=pool,
        blocklists=Blocklists(lists.zones, resolver=lists.address),
        confirm_seconds=300,
        verify_seconds=900,
        look_again_seconds=3_600,
    )


async def look(pool: Pool, lists: BlocklistServer) -> Listings:
    found = await ActivityEnvironment().run(
        looking(pool, lists).check_blocklists, CheckLists(incident=INCIDENT)
    )
    assert isinstance(found, Listings)
    return found


async def assess(pool: Pool, lists: BlocklistServer) -> Assessment:
    found = await ActivityEnvironment().run(looking(pool, lists).assess, Assess(incident=INCIDENT))
    assert isinstance(found, Assessment)
    return found


async def on_record(pool: Pool) -> list[tuple[str, str, bool]]:
    rows = await pool.fetch("SELECT zone, answer, cleared_at IS NULL AS stands FROM listings")
    return [(row["zone"], row["answer"], row["stands"]) for row in rows]


async def test_a_first_incident_has_its_whole_deadline(
    database: Pool, lists: BlocklistServer
) -> None:
    await an_incident(database)
    for number in range(3):
        await reported(database, f"more-{number}", domain="shop.example")
    assessment = await assess(database, lists)
    assert assessment.plan.rung is Rung.FIRST
    assert "deadline 4 h, around the clock" in assessment.plan.reasons
    assert assessment.domain == "shop.example"
    assert assessment.listed == ()
    assert (assessment.confirm_seconds, assessment.verify_seconds) == (300, 900)
    assert assessment.plan.preferred[0].measure is Measure.RATE_LIMIT
    assert await database.fetchval("SELECT domain FROM incidents") == "shop.example"


async def test_a_listing_is_found_kept_and_seen_to_be_gone(
    database: Pool, lists: BlocklistServer
) -> None:
    await an_incident(database)
    lists.list(ADDRESS, "spam was seen")
    found = await look(database, lists)
    assert found.listed == (f"{ADDRESS} bl.example",)
    assert found.ways == {"bl.example": WayOut()}
    assert await on_record(database) == [("bl.example", "127.0.0.2 (spam was seen)", True)]
    lists.unlist(ADDRESS)
    assert await look(database, lists) == Listings(listed=())
    assert await on_record(database) == [("bl.example", "127.0.0.2 (spam was seen)", False)]
    lists.list(ADDRESS, "again")
    await look(database, lists)
    assert await on_record(database) == [("bl.example", "127.0.0.2 (again)", True)]


async def test_a_list_that_does_not_answer_lifts_no_listing(
    database: Pool, lists: BlocklistServer
) -> None:
    await an_incident(database)
    lists.list(ADDRESS, "spam was seen")
    await look(database, lists)
    lists.unlist(ADDRESS)
    lists.unlist("127.0.0.2")  # a list that was given up
    found = await look(database, lists)
    assert found.listed == (f"{ADDRESS} bl.example",)
    [silent] = found.unanswered
    assert "bl.example" in silent


async def test_an_address_that_was_reported_is_asked_about_after_it_has_moved_away(
    database: Pool, lists: BlocklistServer
) -> None:
    await an_incident(database)
    await database.execute(
        "UPDATE service_addresses SET valid = tstzrange(NULL, $1)",
        datetime.now(UTC) - timedelta(seconds=1),
    )
    lists.list(ADDRESS, "spam was seen", zone="zen.example")
    assert (await look(database, lists)).listed == (f"{ADDRESS} zen.example",)


async def test_an_address_that_is_anothers_by_now_is_neither_asked_about_nor_aimed_at(
    database: Pool, lists: BlocklistServer
) -> None:
    await an_incident(database)
    there = replace(a_service(), id="vps-2")
    await clients.keep(database, a_clientele(a_service(addresses=()), there))
    lists.list(ADDRESS, "spam was seen")
    assessment = await assess(database, lists)
    assert assessment.listed == ()
    assert not [each for each in assessment.plan.preferred if ADDRESS in each.targets]
    assert (await look(database, lists)).listed == ()
