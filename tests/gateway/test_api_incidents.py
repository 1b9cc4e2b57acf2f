"""The API's incidents: found, paged, and read with what happened to them."""

import hashlib
from typing import Any

import httpx
import pytest

from book.console import sessions
from book.database import transaction
from domain.console.desk import Right
from domain.console.pages import IncidentPage, IncidentRow
from domain.console.timeline import Timeline
from domain.wire import from_json
from tests.gateway.test_desk import a_full_incident, tamper
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import HOSTILE, INCIDENT, World

ONE = f"/v1/incidents/{INCIDENT}"


async def get(world: World, path: str, user: str = "luz", **query: Any) -> httpx.Response:
    return await world.http.get(path, params=query, headers=world.token(user))


async def rows(world: World, **query: Any) -> list[IncidentRow]:
    answer = await get(world, "/v1/incidents", **query)
    assert answer.status_code == 200, answer.text
    return [from_json(IncidentRow, row) for row in answer.json()["rows"]]


async def a_token(world: World, user: str, *scopes: Right) -> dict[str, str]:
    """The header of a token with these scopes only."""
    async with transaction(world.pool) as connection:
        token = await sessions.issue(
            connection, user, "test", frozenset(scopes), by="test", lasts=None
        )
    return {"Authorization": f"Bearer {token}"}


async def test_incidents_are_found_as_at_the_desk(world: World) -> None:
    await a_full_incident(world)
    assert [row.service for row in await rows(world)] == ["vps-1", "vps-2"]
    assert [row.service for row in await rows(world, order="urgent")] == ["vps-1", "vps-2"]
    assert [row.service for row in await rows(world, stage="restricted")] == ["vps-1"]
    assert [row.service for row in await rows(world, client="sample")] == ["vps-2"]
    assert [row.service for row in await rows(world, q="192.0.2.8")] == ["vps-2"]
    assert [row.service for row in await rows(world, q="shop.example\0")] == ["vps-1"]
    assert await rows(world, outcome="remediated") == []
    assert await rows(world, client="sample", stage="restricted") == []
    [latest] = await rows(world, limit=1)
    assert (latest.incident, latest.reports, latest.volume, latest.listed) == (INCIDENT, 1, 12, 1)


@pytest.mark.parametrize("order", ["latest", "urgent"])
async def test_a_list_goes_on_after_its_cursor(world: World, order: str) -> None:
    await a_full_incident(world)
    first = (await get(world, "/v1/incidents", limit=1, order=order)).json()
    assert first["after"] == first["rows"][0]["incident"]
    query = {"limit": 1, "order": order, "after": first["after"]}
    second = (await get(world, "/v1/incidents", **query)).json()
    assert {row["incident"] for row in first["rows"] + second["rows"]} == {
        INCIDENT, "incident-vps-2-1",
    }  # fmt: skip
    assert second["after"] is None


@pytest.mark.parametrize(
    "query", [{"stage": "lost"}, {"limit": 0}, {"limit": 1_001}, {"after": "x"}, {"q": "x" * 201}]
)
async def test_a_query_that_makes_no_sense_is_told_so(world: World, query: dict[str, Any]) -> None:
    answer = await get(world, "/v1/incidents", **query)
    detail = assert_problem(answer, 422, "invalid-request")
    assert f"query.{next(iter(query))}" in detail
    assert answer.json()["errors"][0]["at"] == f"query.{next(iter(query))}"


async def test_an_incident_reads_back_as_what_the_page_shows(world: World) -> None:
    await a_full_incident(world)
    page = from_json(IncidentPage, {**(await get(world, ONE)).json(), "links": []})
    assert page.chain_break is None
    assert [entry.seq for entry in page.chain] == [1, 2, 3, 4]
    assert page.measures[0].held == 1
    assert page.charges[0].reason == "the first delisting"
    assert page.notices[0].sent_at is None
    assert page.zone == "Europe/Madrid"


async def test_the_clients_own_link_is_for_who_may_act(world: World) -> None:
    await a_full_incident(world)
    assert "/c/" in (await get(world, ONE, "dan")).text
    assert "/c/" not in (await get(world, ONE, "vera")).text
    only_reads = await a_token(world, "luz", Right.READ)
    assert "/c/" not in (await world.http.get(ONE, headers=only_reads)).text


SINGLE = [
    ONE, f"{ONE}/acts", "/v1/clients/ejemplo", "/v1/users/luz", "/v1/tasks/t1",
    "/v1/reports/fbl/msg-2/0", "/v1/listings/192.0.2.7", "/v1/billing/balances/ejemplo",
    f"/v1/billing/charges/{INCIDENT}/delisting/1",
]  # fmt: skip


async def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    await a_full_incident(world)
    for path in SINGLE:
        first = await get(world, path)
        assert first.status_code == 200, first.text
        tag = first.headers["etag"]
        for known in (tag, f'"other", W/{tag}', "*"):
            asked = world.token() | {"If-None-Match": known}
            again = await world.http.get(path, headers=asked)
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        asked = world.token() | {"If-None-Match": '"other"'}
        assert (await world.http.get(path, headers=asked)).json().keys() == first.json().keys()


async def test_an_incident_that_has_changed_is_another(world: World) -> None:
    await a_full_incident(world)
    tag = (await get(world, ONE)).headers["etag"]
    await world.look(INCIDENT, acknowledged=True)
    asked = world.token() | {"If-None-Match": tag}
    assert (await world.http.get(ONE, headers=asked)).status_code == 200


async def test_the_timeline_is_everything_the_latest_first(world: World) -> None:
    await a_full_incident(world)
    found = from_json(Timeline, (await get(world, f"{ONE}/timeline")).json())
    assert {moment.kind for moment in found.moments} >= {
        "report", "decision", "notice", "measure", "listing", "task", "money", "attempt",
    }  # fmt: skip
    moments = [moment.at for moment in found.moments]
    assert moments == sorted(moments, reverse=True)
    [said] = [moment for moment in found.moments if moment.by == "ana"]
    assert said.details == (HOSTILE,)
    everything = (await get(world, f"{ONE}/timeline", attempts=True)).json()
    assert everything["total"] == found.total + 1
    nothing = await get(world, f"{ONE}/timeline", before="2020-01-01T00:00:00Z")
    assert nothing.json() == {"moments": [], "total": 0, "older": None}
    naive = await get(world, f"{ONE}/timeline", before="2020-01-01T00:00:00")
    assert "UTC offset" in assert_problem(naive, 422, "invalid-request")


async def test_the_record_is_the_chain_that_anybody_can_recompute(world: World) -> None:
    await a_full_incident(world)
    first = (await get(world, f"{ONE}/record", limit=3)).json()
    last = (await get(world, f"{ONE}/record", after=first["after"])).json()
    entries = first["rows"] + last["rows"]
    assert (first["entries"], first["broken"], first["after"]) == (4, None, 3)
    assert (last["after"], [entry["seq"] for entry in entries]) == (None, [1, 2, 3, 4])
    assert (entries[3]["what"], entries[3]["failed"]) == ("send_notice: failed", True)
    previous = "00" * 32
    for entry in entries:
        assert entry["previous"] == previous
        at = entry["at"].removesuffix("+00:00")
        at = at if "." in at else f"{at}.000000"
        fields = (INCIDENT, str(entry["seq"]), f"{at}Z", entry["source"], entry["body"])
        covered = bytes.fromhex(previous) + "\n".join(fields).encode()
        assert hashlib.sha256(covered).hexdigest() == entry["hash"]
        previous = entry["hash"]


async def test_a_record_that_was_tampered_with_says_where(world: World) -> None:
    await a_full_incident(world)
    await tamper(world.pool, "nonsense")
    answer = (await get(world, f"{ONE}/record")).json()
    assert answer["broken"] == f"{INCIDENT}: entry 2: was changed after it was appended"
    assert answer["rows"][1]["what"] == "cannot be read"


async def test_a_picture_is_numbers(world: World) -> None:
    await a_full_incident(world)
    drawn = (await get(world, f"{ONE}/picture")).json()
    assert sum(drawn["messages"]) == 12
    assert drawn["held"][-1] == 1
    assert drawn["measures"][0]["label"].startswith("hold_domain")
    assert drawn["listings"][0]["cell"] == "192.0.2.7 zen.example"
    assert len(drawn["messages"]) == len(drawn["held"])


async def test_an_unknown_incident_is_not_found(world: World) -> None:
    for name in ("nothing", "%00", "%ed%a0%80"):
        for below in ("", "/timeline", "/record", "/picture", "/acts"):
            answer = await get(world, f"/v1/incidents/{name}{below}")
            assert_problem(answer, 404, "no-such-incident")
