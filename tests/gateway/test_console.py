"""The console and the read API: everything to whoever is signed in, nothing to others."""

from typing import Any

import pytest
from asyncpg import Pool

from book import audit
from book.database import transaction
from domain.pages import ChainRow, IncidentPage, IncidentRow
from domain.wire import from_json
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import HOLD, HOSTILE, INCIDENT, World

PAGES = ["/", f"/incidents/{INCIDENT}"]
API = ["/v1/incidents", f"/v1/incidents/{INCIDENT}", f"/v1/incidents/{INCIDENT}/timeline"]


async def a_full_incident(world: World) -> None:
    """One incident with something in every table, as the steps of its workflow would leave it."""
    await world.report("192.0.2.8")
    await world.report(id="msg-2", domain="shop.example", volume=12)
    await world.report("198.51.100.1", id="msg-3")
    await world.hold(INCIDENT, ("q1", "info@shop.example"))
    await world.look(INCIDENT, stage="restricted", measure=str(HOLD), conditions=["cause_fixed"])
    pool = world.pool
    await pool.execute(
        "INSERT INTO notices (key, incident, notice, message_id, recipients, subject, body, html)"
        " VALUES ('n1', $1, 'deadline', '<1@x>', '{abuse@ejemplo.example}', $2, 'b', 'h')",
        INCIDENT,
        HOSTILE,
    )
    await pool.execute(
        "INSERT INTO charges (key, incident, kind, minor, currency, reason)"
        " VALUES ('c1', $1, 'delisting', 2500, 'EUR', 'the first delisting')",
        INCIDENT,
    )
    await pool.execute(
        "INSERT INTO listings (incident, address, zone, answer)"
        " VALUES ($1, '192.0.2.7', 'zen.example', '127.0.0.2')",
        INCIDENT,
    )
    await pool.execute(
        "INSERT INTO tasks (key, incident, kind, detail) VALUES ('t1', $1, 'call_client', $2)",
        INCIDENT,
        HOSTILE,
    )
    entries: list[tuple[str, object]] = [
        ("decision:1", {"kind": "decision", "number": 1, "at": "2026-03-01T10:00:00+00:00",
                        "what": "escalated by a person", "reasons": [HOSTILE], "by": "ana"}),
        ("run/1/2/started", {"kind": "attempt", "phase": "started", "step": "send_notice",
                             "attempt": 2, "worker": "w"}),
        ("run/1/2/ended", {"kind": "attempt", "phase": "ended", "step": "send_notice",
                           "attempt": 2, "worker": "w", "outcome": "failed", "error": "451 later"}),
    ]  # fmt: skip
    async with transaction(pool) as connection:
        await audit.append(connection, INCIDENT, entries)


async def tamper(pool: Pool, body: str) -> None:
    async with transaction(pool) as connection:
        await connection.execute("ALTER TABLE audit DISABLE TRIGGER no_change")
        await connection.execute("UPDATE audit SET body = $1 WHERE seq = 2", body)
        await connection.execute("ALTER TABLE audit ENABLE TRIGGER no_change")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("headers", [{}, {"Cookie": "plazo=wrong"}, {"Cookie": "plazo="}])
async def test_the_console_is_for_who_is_signed_in(
    world: World, path: str, headers: dict[str, str]
) -> None:
    await world.report()
    for more in (headers, headers | world.token()):
        assert_problem(await world.http.get(path, headers=more), 401, "not-signed-in")


@pytest.mark.parametrize("path", API)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_the_read_api_is_for_who_has_a_token(
    world: World, path: str, headers: dict[str, str]
) -> None:
    await world.report()
    for more in (headers, headers | await world.cookie()):
        assert_problem(await world.http.get(path, headers=more), 401, "not-signed-in")


async def test_the_console_shows_what_there_is_to_do(world: World) -> None:
    await a_full_incident(world)
    answer = await world.http.get("/", headers=await world.cookie())
    assert answer.status_code == 200
    assert "<script" not in answer.text
    for shown in (f'href="/incidents/{INCIDENT}"', "2 open incidents", "&lt;script&gt;", str(HOLD),
                  "198.51.100.1", "call client", "place report"):  # fmt: skip
        assert shown in answer.text


async def test_an_incident_is_shown_with_its_whole_record(world: World) -> None:
    await a_full_incident(world)
    answer = await world.http.get(f"/incidents/{INCIDENT}", headers=await world.cookie())
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "does not verify" not in answer.text
    workflow = "http://127.0.0.1:8233/namespaces/default/workflows/incident-vps-1-1"
    for shown in ("escalated by a person", "by ana", "send_notice: failed", "451 later",
                  "zen.example", "25.00", "the first delisting", "fbl/msg-2/0", workflow,
                  "/c/incident-vps-1"):  # fmt: skip
        assert shown in answer.text


@pytest.mark.parametrize("body", ['{"kind":"decision"}', "nonsense", "[]", '{"kind":"attempt"}'])
async def test_a_record_that_was_tampered_with_is_told_and_still_shown(
    world: World, body: str
) -> None:
    await a_full_incident(world)
    await tamper(world.pool, body)
    answer = await world.http.get(f"/incidents/{INCIDENT}", headers=await world.cookie())
    assert answer.status_code == 200
    assert f"{INCIDENT}: entry 2: was changed after it was appended" in answer.text
    assert "cannot be read" in answer.text
    assert "451 later" in answer.text


@pytest.mark.parametrize("path", ["/incidents/nothing", "/v1/incidents/nothing",
                                  "/v1/incidents/nothing/timeline", "/v1/incidents/%00/timeline",
                                  "/incidents/%00", "/v1/incidents/%ed%a0%80"])  # fmt: skip
async def test_an_unknown_incident_is_not_found(world: World, path: str) -> None:
    headers = world.token() if path.startswith("/v1") else await world.cookie()
    assert_problem(await world.http.get(path, headers=headers), 404, "no-such-incident")


async def rows(world: World, **query: Any) -> list[IncidentRow]:
    answer = await world.http.get("/v1/incidents", params=query, headers=world.token())
    assert answer.status_code == 200, answer.text
    return [from_json(IncidentRow, row) for row in answer.json()]


async def test_incidents_can_be_found_by_stage_and_client(world: World) -> None:
    await a_full_incident(world)
    assert [row.service for row in await rows(world)] == ["vps-1", "vps-2"]
    assert [row.service for row in await rows(world, stage="restricted")] == ["vps-1"]
    assert [row.service for row in await rows(world, client="sample")] == ["vps-2"]
    assert await rows(world, client="sample", stage="restricted") == []
    [latest] = await rows(world, limit=1)
    assert (latest.incident, latest.reports, latest.volume, latest.listed) == (INCIDENT, 1, 12, 1)


@pytest.mark.parametrize("query", [{"stage": "lost"}, {"limit": 0}, {"limit": 1_001}])
async def test_a_query_that_makes_no_sense_is_told_so(world: World, query: dict[str, Any]) -> None:
    answer = await world.http.get("/v1/incidents", params=query, headers=world.token())
    detail = assert_problem(answer, 422, "invalid-request")
    assert f"query.{next(iter(query))}" in detail
    assert answer.json()["errors"][0]["at"] == f"query.{next(iter(query))}"


async def test_an_incident_reads_back_as_what_the_page_shows(world: World) -> None:
    await a_full_incident(world)
    answer = await world.http.get(f"/v1/incidents/{INCIDENT}", headers=world.token())
    page = from_json(IncidentPage, {**answer.json(), "links": []})
    assert page.chain_break is None
    assert [entry.seq for entry in page.chain] == [1, 2, 3, 4]
    assert page.measures[0].held == 1
    assert page.charges[0].reason == "the first delisting"
    assert page.notices[0].sent_at is None
    assert page.zone == "Europe/Madrid"


async def test_the_timeline_is_the_chain(world: World) -> None:
    await a_full_incident(world)
    answer = await world.http.get(f"/v1/incidents/{INCIDENT}/timeline", headers=world.token())
    opened, decision, started, ended = (from_json(ChainRow, row) for row in answer.json())
    assert opened.what == "opened"
    assert (decision.by, decision.reasons) == ("ana", (HOSTILE,))
    assert (started.what, started.failed) == ("send_notice: started", False)
    assert (ended.reasons, ended.failed) == (("attempt 2", "451 later"), True)
