"""Measures as desired state: bound to their host, late words ignored, none after the end."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asyncpg import Pool

from book.database import transaction
from book.incident import measures
from book.incident.measures import NoSuchHost
from domain.hosts import Counts, Desired, Fate, HeldMessage, Wanted
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from tests.book.provider import (
    HOLD,
    HOST,
    REDIRECT,
    an_incident,
    closed,
    imposed,
    parties_of,
    seen,
)

OTHER = "mx2.provider.example"
BLOCK = Restriction(measure=Measure.BLOCK_PORT25, scope=Scope.ADDRESS, targets=("192.0.2.7",))


async def enrolled(pool: Pool, host: str) -> str:
    async with transaction(pool) as connection:
        return await measures.enrol(connection, host)


async def holder(pool: Pool, key: str) -> str | None:
    async with transaction(pool) as connection:
        return await measures.host_of(connection, key)


async def lifted(pool: Pool, incident: str, *keys: str, discard: tuple[str, ...] = ()) -> None:
    async with transaction(pool) as connection:
        await measures.lift(connection, incident, keys, discard_senders=discard)


async def desired(pool: Pool, host: str = HOST) -> tuple[Desired, ...]:
    async with pool.acquire() as connection:
        return (await measures.desired(connection, host)).measures


async def observed(pool: Pool, key: str = "m-1") -> str | None:
    found: str | None = await pool.fetchval("SELECT observed FROM measures WHERE key = $1", key)
    return found


async def test_asking_twice_and_at_once_is_asking_once(database: Pool) -> None:
    who = await an_incident(database)
    answers = await asyncio.gather(*(imposed(database, who) for _ in range(5)))
    assert set(answers) == {None}
    [one] = await desired(database)
    assert (one.key, one.restriction, one.wanted) == ("m-1", HOLD, Wanted.APPLIED)


async def test_a_host_hears_of_its_own_measures_only_and_of_each_change(database: Pool) -> None:
    who = await an_incident(database)
    before = await database.fetch("SELECT id, revision FROM hosts ORDER BY id")
    await imposed(database, who)
    await lifted(database, who.incident, "m-1", discard=("a@shop.example",))
    after = await database.fetch("SELECT id, revision FROM hosts ORDER BY id")
    moved = {new["id"] for old, new in zip(before, after, strict=True) if old != new}
    assert moved == {HOST}
    assert await desired(database, OTHER) == ()
    [one] = await desired(database)
    assert (one.wanted, one.discard_senders) == (Wanted.LIFTED, ("a@shop.example",))


async def test_what_another_host_says_of_it_is_not_kept(database: Pool) -> None:
    await imposed(database, await an_incident(database))
    assert not await seen(database, host=OTHER)
    assert not await seen(database, key="m-none")
    assert await observed(database) is None


async def test_each_observation_marks_the_incident_once(database: Pool) -> None:
    await imposed(database, await an_incident(database))
    await database.execute("DELETE FROM dirty")
    for _ in range(3):
        await seen(database)
    assert await database.fetchval("SELECT count(*) FROM dirty") == 1


async def test_a_late_word_does_not_bring_back_what_is_lifted(database: Pool) -> None:
    who = await an_incident(database)
    await imposed(database, who)
    await seen(database)
    await lifted(database, who.incident, "m-1")
    await seen(database, observed=Observed.LIFTED)
    assert await seen(database)
    assert await observed(database) == "lifted"
    assert await desired(database) == ()


async def test_a_measure_that_an_agent_lost_and_put_back_is_in_force_again(
    database: Pool,
) -> None:
    await imposed(database, await an_incident(database))
    for word in (Observed.APPLIED, Observed.LIFTED, Observed.APPLIED):
        await seen(database, observed=word)
    assert await observed(database) == "applied"


async def test_relayed_mail_is_never_counted_down(database: Pool) -> None:
    await imposed(database, await an_incident(database), restriction=REDIRECT)
    for count in (10, 900, 3):
        await seen(database, relayed=count)
    assert await database.fetchval("SELECT relayed FROM measures") == 900


async def test_what_became_of_held_mail_is_kept_and_counted(database: Pool) -> None:
    await imposed(database, await an_incident(database))
    came = datetime.now(UTC)
    held = [
        HeldMessage(queue_id=name, sender="a@shop.example", recipients=1, bytes=9, arrived_at=came)
        for name in ("A", "B", "C", "D")
    ]
    await seen(database, messages=tuple(held))
    fates = (Fate.DELIVERED, Fate.DISCARDED, Fate.KEPT, None)
    told = tuple(replace(each, fate=fate) for each, fate in zip(held, fates, strict=True))
    await seen(database, messages=told)
    counts = await database.fetchrow("SELECT held, delivered, discarded, kept FROM measures")
    assert tuple(counts) == (1, 1, 1, 1)
    assert await database.fetchval("SELECT count(*) FROM held_messages") == 4


async def test_of_very_many_held_messages_all_are_counted(database: Pool) -> None:
    await imposed(database, await an_incident(database))
    listed = HeldMessage(
        queue_id="A",
        sender="a@shop.example",
        recipients=1,
        bytes=2**40,
        arrived_at=datetime.now(UTC),
    )
    await seen(database, messages=(listed,), counts=Counts(held=70_000, kept=2))
    assert tuple(await database.fetchrow("SELECT held, kept FROM measures")) == (70_000, 2)
    assert await database.fetchval("SELECT bytes FROM held_messages") == 2**31 - 1


async def test_one_measure_in_place_of_another_is_one_change(database: Pool) -> None:
    who = await an_incident(database)
    await imposed(database, who)
    async with transaction(database) as connection:
        why = await measures.impose(
            connection, who.incident, "m-2", HOLD, who.service, {}, ("m-1", "m-2")
        )
    assert why is None
    assert {one.key: str(one.wanted) for one in await desired(database)} == {
        "m-1": "lifted",
        "m-2": "applied",
    }


@pytest.mark.parametrize("how", ["set right", "closed"])
async def test_after_its_end_an_incident_admits_no_measure(database: Pool, how: str) -> None:
    who = await an_incident(database)
    await imposed(database, who)
    if how == "closed":
        await closed(database, who.incident)
    else:
        async with transaction(database) as connection:
            await measures.lift_for_good(connection, who.incident)
        assert [str(one.wanted) for one in await desired(database)] == ["lifted"]
    assert "has ended" in str(await imposed(database, who, "m-2"))
    assert await database.fetchval("SELECT count(*) FROM measures") == 1


async def test_an_address_is_blocked_by_an_edge_that_has_an_agent(database: Pool) -> None:
    who = await an_incident(database)
    assert "no agent at the edge" in str(await imposed(database, who, restriction=BLOCK))
    await enrolled(database, "edge-1")
    assert await imposed(database, who, restriction=BLOCK) is None
    assert [one.restriction for one in await desired(database, "edge-1")] == [BLOCK]


async def test_a_new_key_replaces_the_old_one(database: Pool) -> None:
    await an_incident(database)
    old = await enrolled(database, HOST)
    assert await holder(database, old) == HOST
    new = await enrolled(database, HOST)
    assert await holder(database, old) is None
    assert await holder(database, new) == HOST
    assert await holder(database, "") is None
    kept = await database.fetch("SELECT key_sha256::text FROM hosts")
    assert not any(new in str(row["key_sha256"]) for row in kept)


async def test_a_host_that_is_not_in_the_book_gets_no_key(database: Pool) -> None:
    with pytest.raises(NoSuchHost, match=r'"mx9" .* import it first'):
        await enrolled(database, "mx9")


async def test_the_parties_of_an_incident_are_the_contract_s(database: Pool) -> None:
    who = await an_incident(database)
    assert await parties_of(database, who.incident) == who
    assert (who.client.id, who.contract.id, who.service.host) == ("aurora", "c-1", HOST)


async def test_what_a_measure_holds_beside_its_targets_is_kept_after_it_ends(
    database: Pool,
) -> None:
    await imposed(database, await an_incident(database))
    await seen(database, also=("blog.example",))
    await seen(database, observed=Observed.FAILED)
    assert await database.fetchval("SELECT also FROM measures") == ["blog.example"]
