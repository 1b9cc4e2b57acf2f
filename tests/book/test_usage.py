"""What redirected mail is billed by: readings that are never changed, and what they add up to."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from asyncpg import Pool

from book.database import transaction
from book.money import readings, usage
from domain.incident import Outcome
from domain.money.metering import UNSETTLED
from domain.news import Observed
from tests.book.metering import DOMAIN, SOURCE, due, ended, redirected, told, used
from tests.book.provider import (
    HOST,
    INCIDENT,
    REDIRECT,
    an_incident,
    closed,
    imposed,
    seen,
)

DAYS = timedelta(days=1)


async def values(pool: Pool) -> list[int]:
    return [
        row["value"] for row in await pool.fetch("SELECT value FROM usage_readings ORDER BY id")
    ]


# --- what the host's agent counts -----------------------------------------------------------------


async def test_repeated_late_and_reordered_counts_are_billed_once(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, meter=None)
    for count in (100, 900, 900, 400, 100):
        await seen(database, relayed=count, counter="a")
    assert (await used(database)).quantity == 900
    assert await values(database) == [100, 900, 400]


async def test_an_agent_that_began_again_counts_on(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, meter=None)
    await seen(database, relayed=900, counter="a")
    await seen(database, relayed=30, counter="b")
    found = await used(database)
    assert (found.quantity, len(found.evidence)) == (930, 2)
    assert await database.fetchval("SELECT relayed FROM measures") == 930


async def test_a_count_that_comes_after_the_lift_is_billed_all_the_same(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, meter=None)
    await database.execute("UPDATE measures SET wanted = 'lifted'")
    await seen(database, observed=Observed.LIFTED, relayed=10, counter="a")
    await seen(database, relayed=12, counter="a")
    assert (await used(database)).quantity == 12
    assert await database.fetchval("SELECT observed FROM measures") == "lifted"


async def test_the_same_count_at_once_is_one_reading(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, meter=None)
    await asyncio.gather(*(seen(database, relayed=7, counter="a") for _ in range(8)))
    assert await values(database) == [7]


async def test_where_no_redirect_was_in_force_nothing_is_used(database: Pool) -> None:
    who = await an_incident(database)
    assert (await used(database)).quantity is None
    await imposed(database, who)
    await seen(database, relayed=5)
    assert (await used(database)).quantity is None
    assert await values(database) == []


async def test_a_redirect_ends_once_whatever_its_agent_repeats(database: Pool) -> None:
    await an_incident(database)
    await redirected(database)
    await database.execute("UPDATE measures SET wanted = 'lifted'")
    ends = []
    for observed in (Observed.LIFTED, Observed.LIFTED, Observed.FAILED, Observed.LIFTED):
        await seen(database, observed=observed)
        ends.append(await database.fetchval("SELECT ended_at FROM measures"))
    assert len(set(ends)) == 1
    assert ends[0] is not None


# --- what the smarthost counts --------------------------------------------------------------------


async def test_the_smarthosts_figures_are_billed_and_not_the_agents(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, counted=50_000)
    stretches = await due(database)
    for number, stretch in enumerate(stretches, 1):
        await told(database, stretch, 100 * number)
        await told(database, stretch, 100 * number)
    found = await used(database)
    assert found.quantity == sum(100 * n for n in range(1, len(stretches) + 1))
    [one] = found.redirects
    assert (one.source, one.elsewhere) == (SOURCE, 50_000)
    assert len(found.evidence) == len(stretches)


async def test_before_the_smarthost_has_told_anything_nothing_is_charged_twice(
    database: Pool,
) -> None:
    await an_incident(database)
    await redirected(database, counted=12)
    assert (await used(database)).quantity == 0
    [*_, last] = await due(database)
    await told(database, last, 9_500)
    assert (await used(database)).quantity == 9_500


async def test_two_redirects_of_one_host_share_its_figure(database: Pool) -> None:
    await an_incident(database)
    for key, restriction, count in (("m-1", REDIRECT, 30), ("m-2", DOMAIN, 10)):
        await redirected(database, key, restriction, ago=timedelta(hours=3))
        await database.execute(
            "INSERT INTO usage_readings (source, host, measure, epoch, value, taken_at, raw)"
            " VALUES ('host', $1, $2, 'z', $3, now() - interval '2 hours', '{}')",
            HOST,
            key,
            count,
        )
        await ended(database, key, ago=timedelta(hours=1))
    # To the second the same time, as it is when one transaction asks for both.
    await database.execute(
        "UPDATE measures SET asked_at = (SELECT min(asked_at) FROM measures),"
        " ended_at = (SELECT min(ended_at) FROM measures)"
    )
    counted_at = await database.fetchval("SELECT min(taken_at) FROM usage_readings") - UNSETTLED
    for stretch in await due(database):
        # A midnight may lie between.
        await told(database, stretch, 1_000 * (stretch.since <= counted_at < stretch.until))
    found = await used(database)
    assert found.quantity == 1_000
    assert {each.key: each.metered.quantity for each in found.redirects} == {"m-1": 750, "m-2": 250}


async def test_a_redirect_of_another_meter_or_at_the_edge_is_not_asked_about(
    database: Pool,
) -> None:
    await an_incident(database)
    await redirected(database, meter="other")
    assert await due(database) == []


async def test_what_ended_long_ago_is_asked_no_more(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, ago=5 * DAYS)
    await ended(database, ago=4 * DAYS)
    stretches = await due(database)
    assert stretches
    for stretch in stretches:
        await told(database, stretch, 1)
    assert await due(database) == []
    assert (await used(database)).quantity == len(stretches)


async def test_after_its_incident_is_closed_nothing_more_is_its_own(database: Pool) -> None:
    await an_incident(database)
    await redirected(database)
    assert await closed(database, INCIDENT, Outcome.REMEDIATED)
    await database.execute("UPDATE incidents SET closed_at = now() - interval '1 hour'")
    moment = await database.fetchval("SELECT date_trunc('second', closed_at) FROM incidents")
    assert (await due(database))[-1].until == moment


# --- what both say --------------------------------------------------------------------------------


async def test_a_day_that_was_counted_differently_becomes_one_task(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, ago=5 * DAYS)
    await ended(database, ago=4 * DAYS)
    for stretch in await due(database):
        await told(database, stretch, 400)
    async with database.acquire() as connection:
        days = (await usage.days(connection, SOURCE))[HOST]
        for _ in range(2):
            await usage.ask_person(connection, f"{HOST} 2026-11-20", days[0].keys, "400 and 0")
    assert all(day.read and day.smarthost == 400 and day.host == 0 for day in days)
    [task] = await database.fetch("SELECT * FROM tasks WHERE kind = 'usage_differs'")
    assert (task["incident"], task["about"]) == (INCIDENT, f"{HOST} 2026-11-20")


# --- the record -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE usage_readings SET value = 0",
        "DELETE FROM usage_readings",
        "TRUNCATE usage_readings",
    ],
)
async def test_nobody_can_change_a_reading(database: Pool, statement: str) -> None:
    await an_incident(database)
    await redirected(database, meter=None, counted=5)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="a bill's evidence"):
        await database.execute(statement)


async def test_every_reading_of_an_incident_can_be_shown(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, counted=12)
    for stretch in await due(database):
        await told(database, stretch, 3)
    async with transaction(database) as connection:
        shown = await readings.of_incident(connection, INCIDENT)
    assert [each.value for each in shown] == await values(database)
    assert {each.source for each in shown} == {"host", SOURCE}
