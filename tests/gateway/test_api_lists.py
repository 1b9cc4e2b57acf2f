"""The API's tasks, clients, campaigns, listings, money and reports."""

from typing import Any
from urllib.parse import quote

import pytest

from book.database import transaction
from book.money import corrections
from domain.acts import CallOutcome
from domain.incident import Act
from domain.wire import from_json
from gateway.api.clients import Clients
from gateway.api.tasks import Tasks
from gateway.incidents import EngineAway, Refused
from tests.gateway.test_api_incidents import get
from tests.gateway.test_desk import a_full_incident
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import INCIDENT, World

CHARGE = f"{INCIDENT}/delisting/1"


async def post(world: World, path: str, body: object = None, user: str = "dan") -> Any:
    return await world.http.post(path, json=body, headers=world.token(user))


async def pages(world: World, path: str, key: str, **query: Any) -> list[Any]:
    """The keys of all rows, one a page, until the list says that it has ended."""
    found: list[Any] = []
    while True:
        answer = await get(world, path, limit=1, **query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [row[key] for row in page["rows"]]
        if page["after"] is None:
            return found
        query["after"] = page["after"]


async def several_tasks(world: World) -> None:
    await a_full_incident(world)
    await world.pool.execute(
        "INSERT INTO tasks (key, kind, detail, opened_at) SELECT 'late/' || n, 'read_report', 'x',"
        " now() - interval '1 day' FROM generate_series(1, 2) AS n"
    )


async def test_tasks_are_listed_by_urgency_page_by_page(world: World) -> None:
    await several_tasks(world)
    whole = from_json(Tasks, (await get(world, "/v1/tasks")).json())
    keys = [task.key for task in whole.rows]
    assert keys[:2] == ["late/1", "late/2"]
    assert await pages(world, "/v1/tasks", "key") == keys
    due = (await get(world, "/v1/tasks", due=True)).json()["rows"]
    assert [task["key"] for task in due] == ["late/1", "late/2"]
    assert (await post(world, "/v1/tasks/late%2F1/take")).json()["owner"] == "dan"
    assert (await post(world, "/v1/tasks/late/1/done", {"outcome": "read"})).status_code == 200
    assert await pages(world, "/v1/tasks", "key", done=True) == [*keys[1:], "late/1"]
    assert await pages(world, "/v1/tasks", "key") == keys[1:]
    unknown = await get(world, "/v1/tasks", after="nothing")
    assert "query.after" in assert_problem(unknown, 422, "invalid-request")
    both = await get(world, "/v1/tasks", mine=True, owner="dan")
    assert_problem(both, 422, "invalid-request")


async def test_a_task_is_taken_handed_on_and_done_once(world: World) -> None:
    await several_tasks(world)
    assert (await post(world, "/v1/tasks/late/1/take")).json()["owner"] == "dan"
    assert (await get(world, "/v1/tasks", "dan", mine=True)).json()["rows"][0]["key"] == "late/1"
    to_luz = {"owner": "luz", "due_at": "2030-01-01T10:00:00+01:00"}
    given = (await post(world, "/v1/tasks/late/1/reassign", to_luz)).json()
    assert (given["owner"], given["due"]) == ("luz", "2030-01-01T09:00:00+00:00")
    done = (await post(world, "/v1/tasks/late/1/done", {"outcome": "spam", "minutes": 5})).json()
    assert (done["done_by"], done["outcome"], done["minutes"]) == ("dan", "spam", 5)
    for act, body in (("done", {"outcome": "x"}), ("take", None), ("reassign", {"owner": "x"})):
        again = await post(world, f"/v1/tasks/late/1/{act}", body)
        assert "is done by dan: spam" in assert_problem(again, 409, "task-done")
    for act, body in (("done", {"outcome": "x"}), ("take", None), ("reassign", {"owner": "x"})):
        assert_problem(await post(world, f"/v1/tasks/none/{act}", body), 404, "no-such-task")
    assert_problem(await get(world, "/v1/tasks/none"), 404, "no-such-task")


@pytest.mark.parametrize(
    ("act", "body", "told"),
    [
        ("done", {"outcome": " "}, "outcome: is empty"),
        ("done", {"outcome": "x", "minutes": -1}, "minutes: from 0"),
        ("done", {"outcome": "x", "told_at": "2020-01-01T00:00:00"}, "no offset"),
        ("reassign", {"owner": ""}, "owner: is empty"),
        ("reassign", {"owner": "a\tb"}, "owner: a name"),
        ("reassign", {}, "owner: is missing"),
    ],
)
async def test_what_came_of_a_task_has_to_make_sense(
    world: World, act: str, body: object, told: str
) -> None:
    await several_tasks(world)
    assert told in assert_problem(
        await post(world, f"/v1/tasks/late/1/{act}", body), 422, "invalid-body"
    )


async def test_a_phone_call_is_told_to_the_incident_itself(world: World) -> None:
    await a_full_incident(world)
    missing = await post(world, "/v1/tasks/t1/done", {"outcome": "called"})
    assert "reached" in assert_problem(missing, 422, "invalid-body")
    body = {"outcome": "they clean it", "reached": True, "minutes": 10}
    assert (await post(world, "/v1/tasks/t1/done", body)).status_code == 200
    [(incident, act, what, _)] = world.incidents.acts
    assert (incident, act) == (INCIDENT, Act.CALL_OUTCOME)
    assert what == CallOutcome(by="dan", outcome="they clean it", reached=True, minutes=10)
    world.incidents.fails = Refused("it is closed")
    assert_problem(await post(world, "/v1/tasks/t1/done", body), 409, "refused")
    world.incidents.fails = EngineAway("no answer")
    assert_problem(await post(world, "/v1/tasks/t1/done", body), 503, "engine-away")


async def test_clients_are_found_page_by_page_and_shown_with_their_ladder(world: World) -> None:
    await a_full_incident(world)
    await world.pool.execute(
        "INSERT INTO clients (id, name, kind, language, contacts)"
        " SELECT 'c' || n, 'C', 'business', 'en', '{a@c.example}' FROM generate_series(1, 3) AS n"
    )
    whole = from_json(Clients, (await get(world, "/v1/clients")).json())
    names = [row.client for row in whole.rows]
    assert set(names[:2]) == {"ejemplo", "sample"}
    assert names[2:] == ["c1", "c2", "c3"]
    assert await pages(world, "/v1/clients", "client") == names
    assert await pages(world, "/v1/clients", "client", q="ejem") == ["ejemplo"]
    shown = (await get(world, "/v1/clients/ejemplo")).json()
    assert shown["ladder"]["counted"] == [INCIDENT]
    assert shown["contracts"][0]["contract"] == "ejemplo-2020"
    assert shown["services"][0]["addresses"] == ["192.0.2.7/32", "2001:db8:7::/48"]
    assert shown["incidents"][0]["incident"] == INCIDENT
    assert_problem(await get(world, "/v1/clients/nobody"), 404, "no-such-client")
    assert_problem(await get(world, "/v1/clients", after="nobody"), 422, "invalid-request")


async def test_campaigns_are_written_down_and_withdrawn(world: World) -> None:
    body = {
        "service": "vps-1", "begins_at": "2099-12-01T09:00:00+01:00",
        "ends_at": "2099-12-01T18:00:00+01:00", "messages": 20_000, "domain": "Shop.Example",
        "reason": "newsletter",
    }  # fmt: skip
    made = await post(world, "/v1/campaigns", body)
    assert made.status_code == 201, made.text
    assert (made.json()["recorded_by"], made.json()["domain"]) == ("dan", "shop.example")
    second = (await post(world, "/v1/campaigns", body)).json()["id"]
    first = made.json()["id"]
    assert await pages(world, "/v1/campaigns", "id") == [second, first]
    one = f"/v1/campaigns/{first}"
    over = await post(world, f"{one}/withdraw", {"reason": "put off"})
    assert over.json()["withdrawn_why"] == "put off"
    assert_problem(await post(world, f"{one}/withdraw", {"reason": "x"}), 409, "not-announced")
    assert (await get(world, one)).json()["withdrawn_by"] == "dan"
    assert await pages(world, "/v1/campaigns", "id") == [second]
    assert await pages(world, "/v1/campaigns", "id", over_too=True) == [second, first]
    for wrong, status, kind in (
        ({"messages": 0}, 422, "invalid-body"),
        ({"ends_at": body["begins_at"]}, 422, "invalid-body"),
        ({"service": "nothing"}, 409, "not-announced"),
        ({"reason": ""}, 422, "invalid-body"),
    ):
        assert_problem(await post(world, "/v1/campaigns", body | wrong), status, kind)
    assert_problem(await get(world, "/v1/campaigns/99"), 404, "no-such-campaign")


async def test_what_is_known_of_an_address_on_blocklists_is_read(world: World) -> None:
    await a_full_incident(world)
    await world.pool.execute(
        "INSERT INTO listing_periods (address, zone, answer, reproach, evidence)"
        " SELECT '192.0.2.7', 'zen.example', '127.0.0.2', true, evidence FROM reports LIMIT 1"
    )
    found = (await get(world, "/v1/listings/192.0.2.7")).json()
    assert (found["subject"], found["snds"]) == ("192.0.2.7", [])
    assert found["listings"][0]["zone"] == "zen.example"
    assert (await get(world, "/v1/listings/Shop.Example")).json()["subject"] == "shop.example"
    neither = await get(world, "/v1/listings/nonsense")
    assert "neither an IP address nor a domain" in assert_problem(neither, 422, "invalid-request")


async def test_money_is_read_as_entries_charges_balances_and_deliveries(world: World) -> None:
    await a_full_incident(world)
    async with transaction(world.pool) as connection:
        await corrections.credit(connection, CHARGE, None, "luz", "kindness", effect="1")
    keys = [CHARGE, f"{CHARGE}/credit/1"]
    assert await pages(world, "/v1/billing/entries", "key", client="ejemplo") == keys
    assert await pages(world, "/v1/billing/entries", "key", incident="incident-vps-2-1") == []
    [charge] = (await get(world, "/v1/billing/charges", state="credited")).json()["rows"]
    assert (charge["charge"]["key"], charge["left"]["minor"]) == (CHARGE, 0)
    assert (await get(world, "/v1/billing/charges", after=CHARGE)).json()["rows"] == []
    one = (await get(world, f"/v1/billing/charges/{quote(CHARGE, safe='')}")).json()
    assert [entry["key"] for entry in one["entries"]] == keys
    assert one["charge"]["state"] == "credited"
    balances = (await get(world, "/v1/billing/balances/ejemplo")).json()["rows"]
    assert [row["balance"] for row in balances] == [{"minor": 0, "currency": "EUR"}] * 2
    deliveries = (await get(world, "/v1/billing/deliveries")).json()["rows"]
    assert {row["entry"]["key"] for row in deliveries} <= set(keys)
    for path in ("entries", "charges", "deliveries"):
        unknown = await get(world, f"/v1/billing/{path}", after="nothing")
        assert_problem(unknown, 422, "invalid-request")
    assert_problem(await get(world, "/v1/billing/balances/nobody"), 404, "no-such-client")
    assert_problem(await get(world, "/v1/billing/charges/none"), 404, "no-such-charge")
    credit = await get(world, f"/v1/billing/charges/{keys[1]}")
    assert_problem(credit, 404, "no-such-charge")


async def test_what_was_refused_where_clients_are_billed_is_sent_again(world: World) -> None:
    await a_full_incident(world)
    path, body = "/v1/billing/deliveries/retry", {"reason": "it is open again", "entry": CHARGE}
    assert_problem(await post(world, path, body, "luz"), 409, "nothing-to-retry")
    await world.pool.execute("UPDATE billing_deliveries SET state = 'refused', error = 'no'")
    assert_problem(await post(world, path, body, "dan"), 403, "not-allowed")
    assert (await post(world, path, body, "luz")).json() == {"entries": [CHARGE]}
    [row] = (await get(world, "/v1/billing/deliveries", state="waiting")).json()["rows"]
    assert row["entry"]["key"] == CHARGE


async def test_a_report_is_read_and_its_evidence_by_who_may_act(world: World) -> None:
    await a_full_incident(world)
    await world.report(id="msg-4", domain="shop.example")
    mine = await pages(world, "/v1/reports", "report", incident=INCIDENT)
    assert mine == ["fbl/msg-4/0", "fbl/msg-2/0"]
    assert await pages(world, "/v1/reports", "report") == ["fbl/msg-3/0"]
    one = (await get(world, "/v1/reports/fbl/msg-2/0", "vera")).json()
    assert (one["incident"], one["volume"], one["media_type"]) == (INCIDENT, 12, "application/json")
    assert (await get(world, "/v1/reports/fbl%2Fmsg-2%2F0")).json() == one
    evidence = await get(world, "/v1/reports/fbl/msg-2/0/evidence", "dan")
    assert len(evidence.content) == one["bytes"]
    assert evidence.json()["volume"] == 12
    assert evidence.headers["content-disposition"] == "attachment"
    viewer = await get(world, "/v1/reports/fbl/msg-2/0/evidence", "vera")
    assert_problem(viewer, 403, "not-allowed")
    await world.pool.execute("ALTER TABLE evidence DISABLE TRIGGER ALL")
    for kept, sent in (
        ("message/rfc822", "message/rfc822"), ("text/html", "application/octet-stream"),
    ):  # fmt: skip
        await world.pool.execute("UPDATE evidence SET media_type = $1", kept)
        answer = await get(world, "/v1/reports/fbl/msg-2/0/evidence")
        assert answer.headers["content-type"] == sent
    for path in ("none", "none/evidence", "%00"):
        assert_problem(await get(world, f"/v1/reports/{path}"), 404, "no-such-report")


async def test_a_misspelt_parameter_does_nothing(world: World) -> None:
    await a_full_incident(world)
    answer = await world.http.post(
        f"/v1/incidents/{INCIDENT}/acts/acknowledge?dryrun=true", json={}, headers=world.token()
    )
    assert "dry_run, seen" in assert_problem(answer, 422, "invalid-request")
    assert world.incidents.acts == []
    listed = await get(world, "/v1/incidents", state="closed")
    assert "stage" in assert_problem(listed, 422, "invalid-request")
