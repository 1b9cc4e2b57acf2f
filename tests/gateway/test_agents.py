"""The agents' interface: a host learns of its own measures at once, and of nobody else's ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from asyncpg import Pool

from agents.link import KeyRefused, Link
from book.database import open_pool, transaction
from book.incident import measures
from domain.hosts import DesiredState, Fate, HeldMessage, Observation, Report, Wanted
from domain.news import Observed
from domain.wire import from_json
from gateway.agents import LARGEST, LONGEST_WAIT
from gateway.app import create_app
from gateway.at_once import POLLS, POSTS, AtOnce
from gateway.wake import Wake
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import (
    HOLD,
    INCIDENT,
    FakeIncidents,
    Gate,
    World,
    a_gateway,
    a_message,
    observed,
)

DESIRED, OBSERVATIONS = "/v1/agent/desired", "/v1/agent/observations"
LONG = {"after": 0, "wait": LONGEST_WAIT}


async def until_someone_waits(app: Any, how_many: int = 1) -> None:
    while app.state.wake.waiting < how_many:  # noqa: ASYNC110 - nothing tells that somebody waits
        await asyncio.sleep(0.01)


@asynccontextmanager
async def served(pool: Pool) -> AsyncIterator[tuple[str, Any]]:
    """A gateway on a socket: its address, and its application."""
    app = create_app(a_gateway(pool, FakeIncidents()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
        finally:
            app.state.wake.let_go()
            server.should_exit = True
            await task


async def test_a_host_is_given_its_own_measures(world: World) -> None:
    await world.report()
    await world.impose(INCIDENT)
    answer = await world.http.get(DESIRED, headers=await world.key_of("mx1"))
    state = from_json(DesiredState, answer.json())
    [measure] = state.measures
    assert (measure.key, measure.restriction, measure.wanted) == ("m1", HOLD, Wanted.APPLIED)
    assert state.revision == 1


async def test_a_host_is_told_nothing_of_another_host(world: World) -> None:
    await world.report()
    await world.impose(INCIDENT)
    answer = await world.http.get(DESIRED, headers=await world.key_of("mx2"))
    assert answer.status_code == 204
    answer = await world.http.get(DESIRED, params={"after": 7}, headers=await world.key_of("mx2"))
    assert from_json(DesiredState, answer.json()) == DesiredState(revision=0)


async def test_nothing_newer_is_no_content(world: World) -> None:
    key = await world.key_of("mx1")
    answer = await world.http.get(DESIRED, params={"after": 0}, headers=key)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_revision_from_before_a_restore_gets_the_state_at_once(world: World) -> None:
    await world.report()
    await world.impose(INCIDENT)
    key = await world.key_of("mx1")
    answer = await world.http.get(DESIRED, params={**LONG, "after": 900}, headers=key)
    assert from_json(DesiredState, answer.json()).revision == 1


async def test_a_long_poll_is_answered_when_the_desired_state_changes(world: World) -> None:
    await world.report()
    async with served(world.pool) as (address, app):
        key = (await world.key_of("mx1"))["Authorization"].removeprefix("Bearer ")
        async with Link(address, key) as link:
            poll = asyncio.create_task(link.desired(0, LONGEST_WAIT))
            await until_someone_waits(app)
            await world.impose(INCIDENT)
            state = await asyncio.wait_for(poll, 10)
    assert state is not None
    assert [measure.key for measure in state.measures] == ["m1"]


async def test_another_hosts_change_does_not_answer_a_long_poll(world: World) -> None:
    await world.report("192.0.2.8")
    poll = asyncio.create_task(
        world.http.get(DESIRED, params={"wait": 1}, headers=await world.key_of("mx1"))
    )
    await until_someone_waits(world.app)
    await world.impose("incident-vps-2-1")
    assert (await poll).status_code == 204


async def test_many_long_polls_hold_no_connection_and_one_listens(world: World) -> None:
    await world.report()
    world.app.state.polls = AtOnce(60, again_after=1)  # as if they were sixty hosts'
    key = await world.key_of("mx1")
    polls = [
        asyncio.create_task(world.http.get(DESIRED, params=LONG, headers=key)) for _ in range(60)
    ]
    await until_someone_waits(world.app, 60)
    listening = await world.pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%plazo_hosts%'"
        " AND datname = current_database()"
    )
    assert listening == 1
    await world.impose(INCIDENT)
    answers = await asyncio.wait_for(asyncio.gather(*polls), 20)
    assert {answer.status_code for answer in answers} == {200}


async def test_a_lost_notification_is_made_up_for(world: World) -> None:
    wake = Wake(world.pool, pace=0.2)  # nobody runs it, so it hears nothing
    world.app.state.wake = wake
    await world.report()
    poll = asyncio.create_task(
        world.http.get(DESIRED, params=LONG, headers=await world.key_of("mx1"))
    )
    await until_someone_waits(world.app)
    await world.impose(INCIDENT)
    assert (await asyncio.wait_for(poll, 10)).status_code == 200


async def test_long_polls_go_on_over_an_outage_of_postgresql(world: World, dsn: str) -> None:
    parts = urlsplit(dsn)
    gate = Gate(str(parts.hostname), int(parts.port or 0))
    port = await gate.start()
    pool = await open_pool(dsn.replace(f":{parts.port}/", f":{port}/"))
    await world.report()
    async with served(pool) as (address, app):
        key = (await world.key_of("mx1"))["Authorization"].removeprefix("Bearer ")
        async with Link(address, key) as link:
            poll = asyncio.create_task(link.desired(0, LONGEST_WAIT))
            await until_someone_waits(app)
            gate.shut()
            await world.impose(INCIDENT)
            gate.open()
            # It listens again after five seconds, and then everybody looks.
            state = await asyncio.wait_for(poll, 20)
    assert state is not None
    await pool.close()
    await gate.stop()


async def test_long_polls_are_let_go_when_the_gateway_stops(world: World) -> None:
    poll = asyncio.create_task(
        world.http.get(DESIRED, params=LONG, headers=await world.key_of("mx1"))
    )
    await until_someone_waits(world.app)
    world.app.state.wake.let_go()
    assert (await asyncio.wait_for(poll, 10)).status_code == 204


@pytest.mark.parametrize("wait", [-1, LONGEST_WAIT + 1, "x"])
async def test_a_wait_is_bounded(world: World, wait: object) -> None:
    key = await world.key_of("mx1")
    answer = await world.http.get(DESIRED, params={"wait": str(wait)}, headers=key)
    assert "query.wait" in assert_problem(answer, 422, "invalid-request")


@pytest.mark.parametrize(
    "given", [None, "Bearer plazo_host_x", "Bearer ", "Basic eDp5", "Bearer é"]
)
async def test_an_unknown_key_opens_nothing(world: World, given: str | None) -> None:
    headers = {} if given is None else {b"Authorization": given.encode()}
    for answer in (
        await world.http.get(DESIRED, headers=headers),
        await world.http.post(OBSERVATIONS, json=observed("m1"), headers=headers),
    ):
        assert_problem(answer, 401, "unknown-key")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_replaced_key_opens_nothing_even_if_it_was_waiting(world: World) -> None:
    await world.report()
    old = await world.key_of("mx1")
    poll = asyncio.create_task(world.http.get(DESIRED, params=LONG, headers=old))
    await until_someone_waits(world.app)
    await world.key_of("mx1")
    await world.impose(INCIDENT)
    assert_problem(await asyncio.wait_for(poll, 10), 401, "unknown-key")


async def test_an_observation_is_kept_and_wakes_its_incident(world: World) -> None:
    await world.report()
    await world.impose(INCIDENT)
    await world.pool.execute("DELETE FROM dirty")
    async with served(world.pool) as (address, _):
        key = (await world.key_of("mx1"))["Authorization"].removeprefix("Bearer ")
        async with Link(address, key) as link:
            seen = Observation(
                key="m1", observed=Observed.APPLIED, messages=(a_message("q1"), a_message("q2"))
            )
            await link.observed(Report(observations=(seen,)))
    measure = await world.pool.fetchrow("SELECT observed, held FROM measures")
    assert tuple(measure) == ("applied", 2)
    assert await world.pool.fetchval("SELECT count(*) FROM held_messages") == 2
    assert await world.pool.fetchval("SELECT count(*) FROM dirty") == 1


async def test_a_host_says_nothing_of_another_hosts_measures(world: World) -> None:
    await world.report()
    await world.report("192.0.2.8", id="msg-2")
    await world.impose(INCIDENT, "m1")
    await world.impose("incident-vps-2-1", "m2")
    before = await world.pool.fetch("SELECT * FROM measures ORDER BY key")
    marks = await world.pool.fetchval("SELECT count(*) FROM dirty")
    both = {
        "observations": [
            {"key": "m1", "observed": "lifted"},
            {"key": "m2", "observed": "lifted"},
        ]
    }
    answer = await world.http.post(OBSERVATIONS, json=both, headers=await world.key_of("mx2"))
    detail = assert_problem(answer, 403, "not-your-measure")
    assert "m1" in detail
    # Not even its own measure, which was in the same report, was touched.
    assert await world.pool.fetch("SELECT * FROM measures ORDER BY key") == before
    assert await world.pool.fetchval("SELECT count(*) FROM dirty") == marks


async def test_a_measure_that_does_not_exist_looks_like_another_hosts(world: World) -> None:
    answer = await world.http.post(
        OBSERVATIONS, json=observed("m9"), headers=await world.key_of("mx2")
    )
    assert_problem(answer, 403, "not-your-measure")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b"[" * 100_000,
        b'{"observations": [{"key": "m1"}]}',
        b'{"observations": [{"key": "m1", "observed": "conquered"}]}',
        b'{"observations": [{"key": "m1", "observed": "applied", "host": "mx2"}]}',
        b'{"observations": [{"key": "m1", "observed": "applied", "detail": "\\u0000"}]}',
        b'{"observations": [{"key": "m1", "observed": "applied", "counter": "../UP"}]}',
    ],
)
async def test_what_is_no_report_is_refused_with_its_reason(world: World, content: bytes) -> None:
    await world.report()
    await world.impose(INCIDENT)
    key = await world.key_of("mx1")
    answer = await world.http.post(OBSERVATIONS, content=content, headers=key)
    assert_problem(answer, 422, "not-a-report")
    assert await world.pool.fetchval("SELECT observed FROM measures") is None


async def test_what_an_agent_says_at_once_is_bounded(world: World) -> None:
    key = await world.key_of("mx1")
    answer = await world.http.post(OBSERVATIONS, content=b" " * (LARGEST + 1), headers=key)
    assert_problem(answer, 413, "too-large")


async def test_a_full_queue_fits_into_one_report(world: World) -> None:
    await world.report()
    await world.impose(INCIDENT)
    fates = [None, Fate.DELIVERED]
    messages = tuple(
        HeldMessage(**{**vars(a_message(f"4bX1zK{n:08}")), "fate": fates[n % 2]})
        for n in range(20_000)
    )
    answer = await world.http.post(
        OBSERVATIONS, json=observed("m1", *messages), headers=await world.key_of("mx1")
    )
    assert answer.status_code == 204
    kept = await world.pool.fetchrow("SELECT held, delivered FROM measures")
    assert tuple(kept) == (10_000, 10_000)


async def test_a_refused_key_is_told_to_the_agent_as_such(world: World) -> None:
    async with served(world.pool) as (address, _), Link(address, "plazo_host_wrong") as link:
        with pytest.raises(KeyRefused):
            await link.desired(0, 0)


async def test_the_revision_rises_with_each_change(world: World) -> None:
    await world.report()
    await world.impose(INCIDENT)
    async with transaction(world.pool) as connection:
        await measures.lift(connection, INCIDENT, ("m1",), discard_senders=("a@shop.example",))
    answer = await world.http.get(DESIRED, headers=await world.key_of("mx1"))
    state = from_json(DesiredState, answer.json())
    assert state.revision == 2
    assert state.measures[0].discard_senders == ("a@shop.example",)


async def test_a_hosts_key_cannot_hold_many_long_polls(world: World) -> None:
    await world.report()
    stolen, other = await world.key_of("mx1"), await world.key_of("mx2")
    polls = [
        asyncio.create_task(world.http.get(DESIRED, params=LONG, headers=stolen))
        for _ in range(POLLS)
    ]
    await until_someone_waits(world.app, POLLS)
    refused = await world.http.get(DESIRED, params=LONG, headers=stolen)
    assert_problem(refused, 429, "too-many-at-once")
    assert refused.headers["Retry-After"] == str(LONGEST_WAIT)
    assert (await world.http.get(DESIRED, headers=other)).status_code == 204
    await world.impose(INCIDENT)
    assert {answer.status_code for answer in await asyncio.gather(*polls)} == {200}
    assert (await world.http.get(DESIRED, headers=stolen)).status_code == 200


async def test_a_hosts_key_cannot_keep_many_reports_coming(world: World) -> None:
    stolen, other = await world.key_of("mx1"), await world.key_of("mx2")
    ends = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"observations": ['
        await ends.wait()
        yield b"]}"

    reading = [
        asyncio.create_task(world.http.post(OBSERVATIONS, content=slowly(), headers=stolen))
        for _ in range(POSTS)
    ]
    posts: AtOnce = world.app.state.posts
    while posts.of("mx1") < POSTS:  # noqa: ASYNC110 - nothing tells that a post is being read
        await asyncio.sleep(0.01)
    for path in (OBSERVATIONS, "/v1/agent/detections", "/v1/agent/refusals"):
        refused = await world.http.post(path, json={}, headers=stolen)
        assert_problem(refused, 429, "too-many-at-once")
    answer = await world.http.post(OBSERVATIONS, json={"observations": []}, headers=other)
    assert answer.status_code == 204
    ends.set()
    assert {answer.status_code for answer in await asyncio.gather(*reading)} == {204}
    assert posts.of("mx1") == 0
