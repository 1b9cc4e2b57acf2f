"""What large receivers refuse: a listing of the host's own address, until mail is taken again."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agents.link import Link, NotTaken
from book.blocklists import listings, periods, snds
from book.database import transaction
from book.intake import refused
from domain.detection.refusals import Receiver
from domain.detection.refused import Refused
from domain.wire import to_json
from tests.domain.test_refused import S3150, a_refusal
from tests.gateway.test_agents import served
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import INCIDENT, World

REFUSALS = "/v1/agent/refusals"
ADDRESS = "192.0.2.7"
A_WEEK_AGO = datetime.now(UTC) - timedelta(days=8)


def now_refused(**other: Any) -> Refused:
    now = datetime.now(UTC)
    return replace(a_refusal(), began_at=now, refused_at=now, **other)


def over(said: Refused) -> Refused:
    return replace(said, id=f"{said.id}-over", accepted_at=said.refused_at)


async def post(world: World, said: Refused, host: str = "mx1") -> httpx.Response:
    key = await world.key_of(host)
    return await world.http.post(REFUSALS, json=to_json(said), headers=key)


async def standing(world: World) -> tuple[tuple[str, str], ...]:
    async with world.pool.acquire() as connection:
        return await listings.standing(connection, INCIDENT)


async def test_a_refusal_opens_the_incident_of_the_address_and_is_a_listing_of_it(
    world: World,
) -> None:
    async with served(world.pool) as (address, _):
        key = (await world.key_of("mx1"))["Authorization"].removeprefix("Bearer ")
        async with Link(address, key) as link:
            await link.refused(now_refused())
    assert await standing(world) == ((ADDRESS, "microsoft-mail"),)
    report = await world.pool.fetchrow(
        "SELECT r.*, e.body FROM reports r JOIN evidence e ON e.sha256 = r.evidence"
    )
    assert (report["incident"], report["format"]) == (INCIDENT, "listing")
    proof = json.loads(report["body"])
    assert proof["reason"] == S3150
    assert proof["answer"].startswith("S3150: the address, or its network, is on Microsoft's own")
    assert await world.pool.fetchval("SELECT count(*) FROM dirty") >= 1


async def test_the_same_again_changes_nothing_and_one_that_goes_on_is_one_listing(
    world: World,
) -> None:
    said, key = now_refused(), await world.key_of("mx1")
    posts = [world.http.post(REFUSALS, json=to_json(said), headers=key) for _ in range(3)]
    assert {answer.status_code for answer in await asyncio.gather(*posts)} == {204}
    assert (await post(world, replace(said, id="microsoft-mail-2", refused=40))).is_success
    assert await world.pool.fetchval("SELECT count(*) FROM reports") == 1
    assert await world.pool.fetchval("SELECT count(*) FROM listing_periods") == 1


async def test_a_second_receiver_wakes_the_same_incident(world: World) -> None:
    await post(world, now_refused())
    await post(
        world,
        now_refused(
            id="exchange-online-1", receiver=Receiver.EXCHANGE_ONLINE,
            host="x.mail.protection.outlook.com",
        ),
    )  # fmt: skip
    assert await standing(world) == ((ADDRESS, "exchange-online"), (ADDRESS, "microsoft-mail"))
    assert await world.pool.fetchval("SELECT count(*) FROM incidents") == 1


async def test_mail_that_is_taken_again_ends_the_listing_and_wakes_the_incident(
    world: World,
) -> None:
    said = now_refused()
    await post(world, said)
    await world.pool.execute("DELETE FROM dirty")
    assert (await post(world, over(said))).status_code == 204
    assert await standing(world) == ()
    assert await world.pool.fetchval("SELECT count(*) FROM dirty") == 1
    [period] = await history(world)
    assert period.cleared_at is not None


async def history(world: World) -> tuple[periods.Period, ...]:
    async with world.pool.acquire() as connection:
        return await periods.history(connection, ADDRESS)


async def test_what_nobody_has_told_of_for_a_week_is_over(world: World) -> None:
    await post(world, now_refused())
    async with transaction(world.pool) as connection:
        await refused.age(connection)
    assert len(await standing(world)) == 1
    await world.pool.execute("UPDATE listing_periods SET seen_at = now() - interval '8 days'")
    async with transaction(world.pool) as connection:
        await refused.age(connection)
    assert await standing(world) == ()


async def test_ageing_touches_no_list_that_is_asked(world: World) -> None:
    await post(world, now_refused())
    await world.pool.execute(
        "UPDATE listing_periods SET zone = 'bl.example', seen_at = now() - interval '8 days'"
    )
    async with transaction(world.pool) as connection:
        await refused.age(connection)
        assert len(await snds.listed(connection, "bl.example")) == 1


async def test_about_an_address_of_another_host_it_waits_for_a_person(world: World) -> None:
    assert (await post(world, now_refused(), host="mx2")).status_code == 204
    [report] = await world.pool.fetch("SELECT * FROM reports")
    assert report["incident"] is None
    assert report["address"] is None
    assert "which no service on it has" in report["unplaced"]
    assert await world.pool.fetchval("SELECT count(*) FROM listing_periods") == 0
    said = now_refused(id="microsoft-mail-9")
    await post(world, said)
    await post(world, over(said), host="mx2")
    assert await standing(world) == ((ADDRESS, "microsoft-mail"),)


async def test_what_is_no_refusal_is_refused(world: World) -> None:
    key = await world.key_of("mx1")
    good = to_json(now_refused())
    assert isinstance(good, dict)
    for wrong in ({"said": "250 ok"}, {"host": "mx.evil.example"}, {"receiver": "example.com"}):
        answer = await world.http.post(REFUSALS, json={**good, **wrong}, headers=key)
        assert_problem(answer, 422, "not-a-refusal")
    answer = await post(world, a_refusal(began_at=A_WEEK_AGO, refused_at=A_WEEK_AGO))
    assert_problem(answer, 422, "not-a-refusal")
    assert_problem(await world.http.post(REFUSALS, json=good), 401, "unknown-key")


async def test_a_host_can_hand_in_so_many_within_an_hour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("book.intake.detections.MOST_AN_HOUR", 2)
    for number in range(2):
        await post(world, now_refused(id=f"microsoft-mail-{number}"))
    answer = await post(world, now_refused(id="microsoft-mail-2"))
    assert_problem(answer, 429, "too-many-detections")


async def test_an_agent_is_told_what_the_gateway_never_takes(world: World) -> None:
    async with served(world.pool) as (address, _):
        key = (await world.key_of("mx1"))["Authorization"].removeprefix("Bearer ")
        async with Link(address, key) as link:
            with pytest.raises(NotTaken, match="422"):
                await link.refused(a_refusal(refused_at=A_WEEK_AGO, began_at=A_WEEK_AGO))
