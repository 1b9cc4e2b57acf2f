"""The desk's closer looks: a letter, a report, a chain, an address on lists, money, people."""

from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest

from book.console import desk, sessions
from book.database import transaction
from domain.console.desk import Right
from tests.gateway.test_desk import a_full_incident, tamper
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import HOSTILE, INCIDENT, World


async def look(world: World, path: str, user: str = "luz") -> httpx.Response:
    return await world.http.get(path, headers=await world.cookie(user))


async def test_a_letter_is_shown_as_it_was_sent_with_what_came_back(world: World) -> None:
    await a_full_incident(world)
    await world.pool.execute(
        "INSERT INTO deliveries (message_id, notice, contact, taken_at, response, failed_at, why)"
        " VALUES ('<1@x>', 'n1', 'abuse@ejemplo.example', now(), '250 queued', NULL, NULL),"
        " ('<2@x>', 'n1', 'gone@ejemplo.example', now(), '250', now(), '550 no such user')"
    )
    await world.pool.execute(
        "INSERT INTO correspondence (id, incident, notice, kind, sender, subject, said, evidence)"
        " SELECT 'r1', $1, 'n1', 'reply', 'ana@ejemplo.example', 'Re', $2, sha256 FROM evidence"
        " LIMIT 1",
        INCIDENT,
        f"{HOSTILE}\n> see https://gateway.test/c/token now",
    )
    await world.pool.execute("UPDATE notices SET body = 'see https://gateway.test/c/token now'")
    answer = await look(world, "/letter?key=n1", "vera")
    assert answer.status_code == 200
    assert "/c/token" not in answer.text
    assert "/c/token" in (await look(world, "/letter?key=n1", "dan")).text
    for shown in ("250 queued", "550 no such user", "ana@ejemplo.example", "&lt;script&gt;"):
        assert shown in answer.text
    assert "<script>" not in answer.text
    assert 'href="/letter?key=n1"' in (await look(world, f"/incidents/{INCIDENT}")).text
    assert_problem(await look(world, "/letter?key=n2"), 404, "no-such-letter")
    assert_problem(await look(world, "/letter?key=%00"), 404, "no-such-letter")


async def test_a_report_is_shown_with_its_redacted_headers(world: World) -> None:
    await a_full_incident(world)
    report = await world.pool.fetchval("SELECT min(id) FROM reports WHERE incident = $1", INCIDENT)
    await world.pool.execute(
        "UPDATE reports SET headers = $2 WHERE id = $1", report, [f"Subject: {HOSTILE}"]
    )
    answer = await look(world, f"/report?id={quote(report, safe='')}", "vera")
    assert answer.status_code == 200
    sha256 = await world.pool.fetchval(
        "SELECT encode(evidence, 'hex') FROM reports WHERE id = $1", report
    )
    for shown in (sha256, INCIDENT, "Subject: &lt;script&gt;"):
        assert shown in answer.text
    assert_problem(await look(world, "/report?id=none"), 404, "no-such-report")


async def test_a_chain_is_shown_entry_by_entry_and_says_where_it_breaks(world: World) -> None:
    await a_full_incident(world)
    answer = await look(world, f"/chain/{INCIDENT}", "vera")
    assert "All of its 4 entries are as they were appended" in answer.text
    hashes = await world.pool.fetch("SELECT encode(hash, 'hex') FROM audit WHERE incident = $1",
                                    INCIDENT)  # fmt: skip
    for (each,) in hashes:
        assert each[:16] in answer.text
    second = await look(world, f"/chain/{INCIDENT}?after=3")
    assert "send_notice: failed" in second.text
    assert "escalated by a person" not in second.text
    await tamper(world.pool, '{"kind":"decision","what":"x","by":"y","reasons":[]}')
    assert "It does not verify" in (await look(world, f"/chain/{INCIDENT}")).text
    assert_problem(await look(world, "/chain/incident-vps-1-9"), 404, "no-such-chain")
    assert "user added" in (await look(world, "/chain/desk")).text


async def test_an_address_is_drawn_over_time_on_every_list(world: World) -> None:
    await a_full_incident(world)
    await world.pool.execute(
        "INSERT INTO listing_periods (address, zone, answer, found_at, seen_at, cleared_at,"
        " reproach, incident, evidence) SELECT '192.0.2.7', zone, answer, now() - began::interval,"
        " now(), now() - ended::interval, true, incident,"
        " (SELECT sha256 FROM evidence LIMIT 1) FROM (VALUES"
        "   ('zen.example', '127.0.0.2', '3 days', '1 day', NULL),"
        "   ('bl.example', '127.0.0.9', '1 hour', NULL, $1))"
        " AS given (zone, answer, began, ended, incident)",
        INCIDENT,
    )
    answer = await look(world, "/addresses/192.0.2.7", "vera")
    assert answer.status_code == 200
    for shown in ("<svg", "zen.example", "bl.example", "still on it", INCIDENT):
        assert shown in answer.text
    assert "never seen on any list" in (await look(world, "/addresses/2001:db8::1")).text
    assert_problem(await look(world, "/addresses/not%20one"), 404, "no-such-address")


async def test_money_is_found_by_client_and_state(world: World) -> None:
    await a_full_incident(world)
    answer = await look(world, "/billing?client=ejemplo&state=due", "vera")
    for shown in ("25.00 EUR", "the first delisting", "What it owes", INCIDENT):
        assert shown in answer.text
    assert "25.00 EUR" not in (await look(world, "/billing?client=other")).text
    assert "25.00 EUR" not in (await look(world, "/billing?state=voided")).text
    assert "25.00 EUR" in (await look(world, "/billing?client=%00")).text
    assert (await look(world, "/billing?client=%C2%A3k")).status_code == 200


async def test_money_is_paged_from_the_latest(world: World) -> None:
    await a_full_incident(world)
    await world.pool.execute(
        "INSERT INTO ledger (key, entry, incident, client, contract, clause, kind, quantity, unit,"
        " unit_price, amount, currency, reason, by) SELECT $1 || '/more/' || n, 'charge', $1,"
        " 'ejemplo', 'ejemplo-2020', '7.3', 'delisting', 1, 'incident', 1, 1, 'EUR',"
        " 'number ' || n, 'plazo' FROM generate_series(1, 120) AS n",
        INCIDENT,
    )
    first = (await look(world, "/billing")).text
    assert "number 120<" in first
    assert "the first delisting" not in first
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = (await look(world, f"/billing{following}")).text
    assert "the first delisting" in second
    assert "number 120<" not in second


async def test_leads_see_everybody_and_others_themselves(world: World) -> None:
    everybody = (await look(world, "/people")).text
    for name in ("luz", "dan", "vera"):
        assert f"Disable {name}" in everybody
    alone = (await look(world, "/people", "vera")).text
    assert ">vera<" in alone
    assert ">luz<" not in alone
    assert "Disable" not in alone


class Form:
    """One of the people's forms, in somebody's browser."""

    def __init__(self, world: World, user: str, path: str) -> None:
        self.world, self.user, self.path = world, user, path

    async def send(self, **fields: str) -> httpx.Response:
        cookie = await self.world.cookie(self.user)
        page = await self.world.http.get(self.path, headers=cookie)
        csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
        return await self.world.http.post(self.path, data={"csrf": csrf, **fields}, headers=cookie)


async def test_a_lead_disables_and_enables_with_a_reason(world: World) -> None:
    form = Form(world, "luz", "/people/disable?name=vera")
    assert (await form.send(reason=" ")).status_code == 422
    assert (await form.send(reason="has left")).status_code == 303
    assert "disabled" in (await look(world, "/people")).text
    back = Form(world, "luz", "/people/enable?name=vera")
    assert (await back.send(reason="x")).status_code == 303
    record = (await look(world, "/chain/desk")).text
    assert "has left" in record
    last = await Form(world, "luz", "/people/disable?name=luz").send(reason="x")
    assert last.status_code == 409
    assert "the last lead" in last.text
    none = await Form(world, "luz", "/people/disable?name=nobody").send(reason="x")
    assert_problem(none, 404, "no-such-user")


@pytest.mark.parametrize("change", ["disable", "enable"])
async def test_who_is_no_lead_changes_nobody(world: World, change: str) -> None:
    cookie = await world.cookie("dan")
    path = f"/people/{change}?name=vera"
    assert (await world.http.get(path, headers=cookie)).status_code == 403
    sent = await world.http.post(path, data={"reason": "x"}, headers=cookie)
    assert sent.status_code == 403
    async with world.pool.acquire() as connection:
        assert (await desk.user(connection, "vera")).disabled_at is None


async def test_everybody_ends_their_own_tokens_and_no_others(world: World) -> None:
    async with transaction(world.pool) as connection:
        for user in ("vera", "dan"):
            await sessions.issue(
                connection, user, f"board of {user}", frozenset({Right.READ}), by="luz",
                lasts=timedelta(days=1),
            )  # fmt: skip
        known = {each.label: each.id for each in await sessions.tokens(connection)}
    assert "board of vera" in (await look(world, "/people", "vera")).text
    form = Form(world, "vera", f"/people/revoke?name={known['board of dan']}")
    assert (await form.send()).status_code == 409
    form = Form(world, "vera", f"/people/revoke?name={known['board of vera']}")
    assert (await form.send()).status_code == 303
    assert "board of vera" not in (await look(world, "/people", "vera")).text
