"""What a host's own detector found: a report about that host's service, and about no other ever."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agents.link import Link, LinkDown, NotTaken
from book.clientele import clients
from book.database import transaction
from book.intake import campaigns
from book.intake.campaigns import NotAnnounced
from book.intake.detections import MOST_AN_HOUR, OLDEST
from domain.clientele.file import Clientele
from domain.hosts import Campaign, DesiredState, Detection
from domain.parties import Service, ServiceKind
from domain.wire import from_json, to_json
from gateway.agents import LARGEST_DETECTION
from tests.gateway.test_agents import DESIRED, served
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import CLIENTELE, INCIDENT, World

DETECTIONS = "/v1/agent/detections"


def a_detection(**other: Any) -> Detection:
    now = datetime.now(UTC)
    ordinary: dict[str, Any] = {
        "id": "shop.example-1-1",
        "domain": "shop.example",
        "began_at": now,
        "seen_at": now,
        "sent_at": now,
        "new": 1_240,
        "messages": 1_240,
        "copies": 1_240,
        "distinct": 1_198,
        "judged": 1_240,
        "rejected": 12,
        "deferred": 40,
        "reasons": ("1,240 copies of messages within an hour are more than 300",),
    }
    return Detection(**ordinary | other)


async def post(world: World, host: str, said: Detection) -> httpx.Response:
    key = await world.key_of(host)
    return await world.http.post(DETECTIONS, json=to_json(said), headers=key)


async def reports(world: World) -> list[Any]:
    found: list[Any] = await world.pool.fetch("SELECT * FROM reports ORDER BY id")
    return found


async def incidents(world: World) -> dict[str, str]:
    rows = await world.pool.fetch("SELECT id, service FROM incidents")
    return {row["id"]: row["service"] for row in rows}


def shared(name: str, host: str = "mx1", *addresses: str) -> Service:
    return Service(
        id=name, client="ejemplo", kind=ServiceKind.SHARED, host=host, account=name,
        addresses=addresses,
    )  # fmt: skip


async def imported(world: World, *services: Service) -> None:
    await clients.keep(world.pool, Clientele(hosts=(), clients=(), contracts=(), services=services))


async def test_a_detection_opens_an_incident_of_the_hosts_only_service(world: World) -> None:
    said = a_detection()
    async with served(world.pool) as (address, _):
        key = (await world.key_of("mx1"))["Authorization"].removeprefix("Bearer ")
        async with Link(address, key) as link:
            await link.detected(said)
    [report] = await reports(world)
    assert report["id"] == "host:mx1/shop.example-1-1/0"
    assert (report["reporter"], report["format"]) == ("host:mx1", "host_agent")
    assert (report["incident"], report["domain"]) == (INCIDENT, "shop.example")
    assert (report["volume"], report["sent_at"]) == (1_240, said.sent_at)
    incident = await world.pool.fetchrow("SELECT service, domain FROM incidents")
    assert tuple(incident) == ("vps-1", "shop.example")
    assert await world.pool.fetchval("SELECT count(*) FROM dirty") == 1


async def test_a_detection_is_evidence(world: World) -> None:
    said = a_detection()
    await post(world, "mx1", said)
    kept = await world.pool.fetchval(
        "SELECT body FROM evidence e JOIN reports r ON r.evidence = e.sha256"
    )
    assert b'"copies": 1240' in kept
    assert said.reasons[0].encode() in kept


async def test_the_same_detection_again_and_at_once_is_one_report(world: World) -> None:
    said, key = a_detection(), await world.key_of("mx1")
    posts = [world.http.post(DETECTIONS, json=to_json(said), headers=key) for _ in range(4)]
    assert {answer.status_code for answer in await asyncio.gather(*posts)} == {204}
    assert len(await reports(world)) == 1
    other = await post(world, "mx1", replace(said, copies=9))
    assert_problem(other, 409, "already-reported-otherwise")


async def test_the_next_of_an_outbreak_joins_the_incident_and_adds_to_its_volume(
    world: World,
) -> None:
    await post(world, "mx1", a_detection())
    await post(world, "mx1", a_detection(id="shop.example-1-2", new=700))
    assert list(await incidents(world)) == [INCIDENT]
    assert [row["counted"] for row in await reports(world)] == [1_240, 700]


async def test_with_an_address_it_is_the_service_that_has_it(world: World) -> None:
    await imported(world, shared("web-1", "mx1", "192.0.2.71/32"), shared("web-2", "mx1"))
    await post(world, "mx1", a_detection(address="192.0.2.71"))
    assert await incidents(world) == {"incident-web-1-1": "web-1"}
    [report] = await reports(world)
    assert str(report["address"]) == "192.0.2.71"


@pytest.mark.parametrize("address", [None, "192.0.2.99", "192.0.2.8"])
async def test_among_several_services_it_waits_for_a_person_unless_the_address_tells(
    world: World, address: str | None
) -> None:
    await imported(world, shared("web-1"), shared("web-2"))
    answer = await post(world, "mx1", a_detection(address=address))
    assert answer.status_code == 204
    [report] = await reports(world)
    assert (report["incident"], report["address"]) == (None, None)
    assert "3 services are on it" in report["unplaced"]
    assert "PLAZO_ADDRESS" in await world.pool.fetchval("SELECT detail FROM tasks")


@pytest.mark.parametrize("address", ["192.0.2.8", "2001:db8:8::1", "192.0.2.99"])
async def test_a_hosts_key_opens_nothing_about_another_hosts_service(
    world: World, address: str
) -> None:
    """mx1's agent claims that its mail left from vps-2's address, or from nobody's."""
    await post(world, "mx1", a_detection(address=address))
    assert await incidents(world) == {INCIDENT: "vps-1"}
    [report] = await reports(world)
    assert str(report["address"]) == "192.0.2.7" or report["address"] is None


async def test_a_foreign_address_does_not_become_an_incident_when_it_is_imported_later(
    world: World,
) -> None:
    await imported(world, shared("web-1"), shared("web-2"))
    await post(world, "mx1", a_detection(address="203.0.113.9"))
    moved = replace(CLIENTELE.services[1], addresses=("192.0.2.8/32", "203.0.113.9/32"))
    await imported(world, moved)
    assert await incidents(world) == {}


async def test_an_address_that_was_another_hosts_when_the_mail_was_sent_opens_nothing_there(
    world: World,
) -> None:
    """The address moves from vps-2 to vps-1; mx1 dates its detection before that."""
    before = datetime.now(UTC)
    taker = replace(CLIENTELE.services[0], addresses=("192.0.2.7/32", "192.0.2.8/32"))
    giver = replace(CLIENTELE.services[1], addresses=("192.0.2.9/32",))
    await imported(world, taker, giver)
    said = a_detection(address="192.0.2.8", seen_at=before, sent_at=before - timedelta(days=1))
    await post(world, "mx1", said)
    assert set((await incidents(world)).values()) <= {"vps-1"}


async def test_a_host_cannot_write_under_another_hosts_name(world: World) -> None:
    for name in ("mx2", "../host:mx2/x", "host:mx2/1", "a/b", "", "x" * 301):
        spelled = to_json(a_detection())
        assert isinstance(spelled, dict)
        answer = await world.http.post(
            DETECTIONS, json={**spelled, "id": name}, headers=await world.key_of("mx1")
        )
        assert answer.status_code in (204, 422)
    assert {row["reporter"] for row in await reports(world)} == {"host:mx1"}
    assert set((await incidents(world)).values()) == {"vps-1"}


async def test_without_a_known_key_nothing_is_taken(world: World) -> None:
    said = to_json(a_detection())
    for headers in ({}, {"Authorization": "Bearer plazo_host_x"}):
        answer = await world.http.post(DETECTIONS, json=said, headers=headers)
        assert_problem(answer, 401, "unknown-key")
    assert await reports(world) == []


async def test_a_stolen_key_cannot_flood(world: World) -> None:
    key, said = await world.key_of("mx1"), a_detection()

    async def send(number: int) -> int:
        numbered = to_json(replace(said, id=f"d-{number}"))
        return (await world.http.post(DETECTIONS, json=numbered, headers=key)).status_code

    answers = [await send(number) for number in range(MOST_AN_HOUR + 15)]
    assert answers.count(204) == MOST_AN_HOUR
    assert answers.count(429) == 15
    assert len(await reports(world)) == MOST_AN_HOUR
    # What is known already can still be sent again, and other hosts are not concerned.
    first = answers.index(204)
    assert await send(first) == 204
    assert (await post(world, "mx2", a_detection())).status_code == 204
    await world.pool.execute("UPDATE detections SET received_at = now() - interval '2 hours'")
    assert await send(1_000) == 204


@pytest.mark.parametrize(
    "wrong",
    [
        {"new": -1},
        {"copies": 10**12},
        {"reasons": []},
        {"reasons": ["x" * 501]},
        {"domain": "Not A Domain"},
        {"address": "192.0.2.7; DROP"},
        {"seen_at": "2026-11-24T09:00:00"},
        {"recipients": ["a@b.example"]},
        {"id": "\u0000"},
    ],
)
async def test_what_is_no_detection_is_refused_and_the_agent_drops_it(
    world: World, wrong: dict[str, Any]
) -> None:
    spelled = to_json(a_detection())
    assert isinstance(spelled, dict)
    key = await world.key_of("mx1")
    answer = await world.http.post(DETECTIONS, json={**spelled, **wrong}, headers=key)
    assert_problem(answer, 422, "not-a-detection")
    answer = await world.http.post(DETECTIONS, content=b"[" * 9_999, headers=key)
    assert_problem(answer, 422, "not-a-detection")
    assert await reports(world) == []


async def test_what_is_a_week_old_is_refused_and_what_is_of_the_future_is_of_now(
    world: World,
) -> None:
    old = datetime.now(UTC) - OLDEST - timedelta(minutes=1)
    answer = await post(world, "mx1", a_detection(seen_at=old, sent_at=old))
    assert "a week ago" in assert_problem(answer, 422, "not-a-detection")
    future = datetime.now(UTC) + timedelta(days=400)
    await post(world, "mx1", a_detection(seen_at=future, sent_at=future))
    [report] = await reports(world)
    assert report["sent_at"] <= datetime.now(UTC)


async def test_one_detection_is_small(world: World) -> None:
    content = b" " * (LARGEST_DETECTION + 1)
    answer = await world.http.post(DETECTIONS, content=content, headers=await world.key_of("mx1"))
    assert_problem(answer, 413, "too-large")


@pytest.mark.parametrize(("status", "kind"), [(422, NotTaken), (409, NotTaken), (429, LinkDown)])
async def test_an_agent_tells_what_is_never_taken_from_what_is_not_taken_now(
    status: int, kind: type[LinkDown]
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status))
    async with Link("https://plazo.example", "key", transport=transport) as link:
        with pytest.raises(LinkDown) as raised:
            await link.detected(a_detection())
    assert type(raised.value) is kind


def a_campaign(**other: Any) -> Campaign:
    now = datetime.now(UTC)
    ordinary: dict[str, Any] = {
        "id": "new", "begins_at": now, "ends_at": now + timedelta(hours=4), "messages": 20_000,
    }  # fmt: skip
    return Campaign(**ordinary | other)


async def announce(world: World, service: str = "vps-1", **other: Any) -> int:
    async with transaction(world.pool) as connection:
        return await campaigns.announce(
            connection, service, a_campaign(**other),
            announced_by=None, recorded_by="ana", reason="newsletter",
        )  # fmt: skip


async def told(world: World, host: str, after: int = 9_999) -> DesiredState:
    answer = await world.http.get(
        DESIRED, params={"after": after}, headers=await world.key_of(host)
    )
    return from_json(DesiredState, answer.json())


async def test_a_campaign_reaches_its_own_host_alone(world: World) -> None:
    number = await announce(world)
    [campaign] = (await told(world, "mx1")).campaigns
    assert (campaign.id, campaign.messages, campaign.domain) == (str(number), 20_000, None)
    assert (await told(world, "mx2")).campaigns == ()


async def test_a_campaign_and_its_end_wake_the_hosts_agent(world: World) -> None:
    number = await announce(world)
    state = await told(world, "mx1", after=0)
    assert state.revision == 1
    async with transaction(world.pool) as connection:
        await campaigns.withdraw(connection, number, by="ana", why="called off")
    state = await told(world, "mx1", after=1)
    assert (state.revision, state.campaigns) == (2, ())


async def test_a_service_that_moves_takes_its_campaign_with_it(world: World) -> None:
    await announce(world)
    await world.pool.execute("UPDATE services SET host = NULL WHERE id = 'vps-2'")
    await world.pool.execute("UPDATE services SET host = 'mx2' WHERE id = 'vps-1'")
    assert (await told(world, "mx1", after=1)).campaigns == ()
    assert len((await told(world, "mx2", after=0)).campaigns) == 1


async def test_a_host_without_campaigns_hears_no_word_of_them(world: World) -> None:
    """An agent of an earlier version refuses a field that it does not know."""
    answer = await world.http.get(DESIRED, params={"after": 9}, headers=await world.key_of("mx1"))
    assert answer.json() == {"revision": 0, "measures": []}


async def test_a_campaign_that_is_over_is_not_told(world: World) -> None:
    now = datetime.now(UTC)
    await announce(world, begins_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1))
    assert (await told(world, "mx1")).campaigns == ()


async def test_where_services_share_a_host_a_campaign_names_its_domain(world: World) -> None:
    await imported(world, shared("web-1"))
    with pytest.raises(NotAnnounced, match="name the sender domain with --domain"):
        await announce(world, "web-1")
    await announce(world, "web-1", domain="shop.example")
    with pytest.raises(NotAnnounced, match='no service "nobody"'):
        await announce(world, "nobody")
    await imported(world, Service(id="far", client="ejemplo", kind=ServiceKind.UNMANAGED))
    with pytest.raises(NotAnnounced, match="no host of ours"):
        await announce(world, "far")


async def test_it_is_on_record_who_announced_who_wrote_it_down_and_who_withdrew(
    world: World,
) -> None:
    number = await announce(world)
    async with transaction(world.pool) as connection:
        [known] = await campaigns.announced(connection)
        assert (known.announced_by, known.recorded_by, known.reason) == (
            "ejemplo", "ana", "newsletter",
        )  # fmt: skip
        await campaigns.withdraw(connection, number, by="bea", why="called off")
        assert await campaigns.announced(connection) == ()
        [known] = await campaigns.announced(connection, service="vps-1", over_too=True)
        assert (known.withdrawn_by, known.withdrawn_why) == ("bea", "called off")
        with pytest.raises(NotAnnounced, match="over, withdrawn"):
            await campaigns.withdraw(connection, number, by="bea", why="again")


async def test_a_third_partys_report_counts_within_a_campaign(world: World) -> None:
    await announce(world)
    await world.report()
    assert await world.rows() == [("fbl/msg-1/0", INCIDENT)]
