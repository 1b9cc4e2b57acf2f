"""The console and the read API: everything to whoever is signed in, nothing to others."""

import html
import re

import pytest
from asyncpg import Pool

from book.database import transaction
from book.incident import audit
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import HOLD, HOSTILE, INCIDENT, World

PAGES = ["/", f"/incidents/{INCIDENT}"]


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
        "INSERT INTO ledger (key, entry, incident, client, contract, clause, kind, quantity, unit,"
        " unit_price, amount, currency, reason, by) VALUES ($1 || '/delisting/1', 'charge', $1,"
        " 'ejemplo', 'ejemplo-2020', '7.3', 'delisting', 1, 'incident', 25, 25, 'EUR',"
        " 'the first delisting', 'plazo')",
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


async def test_the_desk_sees_what_there_is_to_do(world: World) -> None:
    await a_full_incident(world)
    answer = await world.http.get("/", headers=await world.cookie())
    assert answer.status_code == 200
    assert "<script>" not in answer.text
    for shown in (f'href="/incidents/{INCIDENT}"', "2 open incidents", str(HOLD), "1 for a person",
                  "198.51.100.1", "place report"):  # fmt: skip
        assert shown in answer.text
    assert answer.text.index("vps-1-1") < answer.text.index("vps-2-1")  # what asks comes first


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=vps-1", ["vps-1-1"]),
        ("q=SHOP.example", ["vps-1-1"]),
        ("q=192.0.2.8", ["vps-2-1"]),
        ("q=2001:db8:7::1", ["vps-1-1"]),
        ("q=Hosting+Ejemplo", ["vps-1-1"]),
        ("q=%25", []),
        ("q=%00%e2%80%ae", ["vps-1-1", "vps-2-1"]),
        ("stage=restricted", ["vps-1-1"]),
        ("stage=closed", []),
        ("stage=&outcome=&order=latest", ["vps-1-1", "vps-2-1"]),
        ("after=incident-vps-1-1", ["vps-2-1"]),
        ("after=incident-vps-2-1", []),
        ("after=nothing", ["vps-1-1", "vps-2-1"]),
    ],
)
async def test_incidents_are_found_by_what_is_known_of_them(
    world: World, query: str, found: list[str]
) -> None:
    await a_full_incident(world)
    answer = await world.http.get(f"/?{query}", headers=await world.cookie())
    assert answer.status_code == 200
    there = [name for name in ("vps-1-1", "vps-2-1") if f">incident-{name}<" in answer.text]
    assert there == found


async def test_a_list_goes_on_where_the_page_before_ended(world: World) -> None:
    await world.report()
    await world.pool.execute(
        "INSERT INTO services (id, client, kind) SELECT 's' || n, 'ejemplo', 'managed_vps'"
        " FROM generate_series(1, 119) AS n"
    )
    await world.pool.execute(
        "INSERT INTO incidents (id, service, number, client, contract, deadline)"
        " SELECT 'incident-s' || n || '-1', 's' || n, 1, 'ejemplo', 'ejemplo-2020',"
        " CASE WHEN n % 3 > 0 THEN now() + make_interval(mins => n % 7) END"
        " FROM generate_series(1, 119) AS n"
    )
    for order in ("urgent", "latest"):
        path, seen = f"/?order={order}", list[str]()
        cookie = await world.cookie()
        while path:
            text = (await world.http.get(path, headers=cookie)).text
            seen += re.findall(r">(incident-[a-z0-9-]+)</a>", text)
            more = re.search(r'rel="next" href="([^"]+)"', text)
            path = html.unescape(more[1]) if more else ""
        assert len(seen) == len(set(seen)) == 120


async def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    await a_full_incident(world)
    cookie = await world.cookie()
    for path in PAGES:
        first = await world.http.get(path, headers=cookie)
        asked = cookie | {"If-None-Match": first.headers["etag"]}
        assert (await world.http.get(path, headers=asked)).status_code == 304
        await world.look(INCIDENT, acknowledged=path == "/")
        await world.pool.execute("UPDATE incidents SET deadline = now() + interval '1 hour'")
        assert (await world.http.get(path, headers=asked)).status_code == 200


async def test_a_client_is_shown_with_its_place_on_the_ladder(world: World) -> None:
    await a_full_incident(world)
    listed = await world.http.get("/clients?q=ejem", headers=await world.cookie())
    assert 'href="/clients/ejemplo"' in listed.text
    assert "sample" not in listed.text
    page = await world.http.get("/clients/ejemplo", headers=await world.cookie())
    for shown in ("Hosting Ejemplo", "number 2 within 12 months", "half the deadline", INCIDENT,
                  "2001:db8:7::/48", "hold_domain"):  # fmt: skip
        assert shown in page.text
    nobody = await world.http.get("/clients/nobody", headers=await world.cookie())
    assert_problem(nobody, 404, "no-such-client")


async def test_an_incident_is_shown_with_its_whole_record(world: World) -> None:
    await a_full_incident(world)
    answer = await world.http.get(f"/incidents/{INCIDENT}", headers=await world.cookie())
    assert answer.status_code == 200
    assert "<script>" not in answer.text
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


@pytest.mark.parametrize("path", ["/incidents/nothing", "/incidents/%00"])
async def test_an_unknown_incident_is_not_found(world: World, path: str) -> None:
    answer = await world.http.get(path, headers=await world.cookie())
    assert_problem(answer, 404, "no-such-incident")
