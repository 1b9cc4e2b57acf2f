"""What others report: signed, bounded, kept once, and only then accepted."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
import pytest
from asyncpg import Pool

from book.database import open_pool
from gateway.reports import LARGEST
from tests.gateway.corpus import recent
from tests.gateway.world import (
    INCIDENT,
    OLD_SECRET,
    SECRET,
    Gate,
    World,
    a_report,
    a_world,
    signed,
)
from workers.demo.arf import arf_report

FBL = {"reporter": "fbl"}


async def count(pool: Pool, table: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}")
    return found


def assert_problem(answer: httpx.Response, status: int, kind: str) -> str:
    """The detail of a problem, which is as RFC 9457 has it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:plazo:problem:{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["instance"].startswith("/")
    return str(body["detail"])


async def test_a_report_is_on_record_when_it_is_accepted(world: World) -> None:
    answer = await world.report(domain="shop.example", volume=3)
    assert answer.status_code == 202
    assert answer.json() == {"reports": ["fbl/msg-1/0"], "incidents": [INCIDENT], "unplaced": []}
    kept = await world.pool.fetchrow("SELECT * FROM reports")
    assert (kept["incident"], kept["volume"]) == (INCIDENT, 3)
    assert await count(world.pool, "dirty") == 1


async def test_mail_that_is_not_utf8_can_be_signed(world: World) -> None:
    offending = EmailMessage()
    offending["From"] = "a@shop.example"
    offending.set_content("until tomorrow")
    content = arf_report(
        offending,
        mail_from="a@shop.example",
        recipient="b@mailbox.example",
        arrived=datetime.now(UTC),
        source_ip="192.0.2.7",
    ).replace(b"until tomorrow", b"hasta ma\xf1ana")
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    now = str(int(datetime.now(UTC).timestamp()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = hmac.digest(key, f"mail.{now}.".encode() + content, hashlib.sha256)
    headers = {
        "webhook-id": "mail",
        "webhook-timestamp": now,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
        "content-type": "message/rfc822",
    }
    answer = await world.http.post("/v1/reports", params=FBL, content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["incidents"] == [INCIDENT]


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
async def test_either_key_counts_while_one_replaces_the_other(world: World, secret: str) -> None:
    content = a_report()
    headers = signed(content, secret=secret)
    headers["webhook-signature"] = f"v1a,AAAA v1,?? v1 {headers['webhook-signature']}"
    answer = await world.http.post("/v1/reports", params=FBL, content=content, headers=headers)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("changes", "reporter"),
    [
        ({}, "other"),
        ({}, "nobody"),
        ({}, ""),
        ({"webhook-id": "msg-2"}, "fbl"),
        ({"webhook-timestamp": "1"}, "fbl"),
        ({"webhook-timestamp": "nan"}, "fbl"),
        ({"webhook-signature": "v1,AAAA"}, "fbl"),
        ({"webhook-signature": "nonsense"}, "fbl"),
        ({"webhook-signature": ""}, "fbl"),
        ({"webhook-id": ""}, "fbl"),
        ({"webhook-id": "x" * 256}, "fbl"),
    ],
)
async def test_what_is_not_signed_by_its_reporter_is_refused(
    world: World, changes: dict[str, str], reporter: str
) -> None:
    content = a_report()
    answer = await world.http.post(
        "/v1/reports",
        params={"reporter": reporter},
        content=content,
        headers={**signed(content), **changes},
    )
    assert_problem(answer, 401, "not-signed")
    assert answer.headers["www-authenticate"] == "StandardWebhooks"
    assert await count(world.pool, "reports") == 0


async def test_an_unsigned_report_is_told_which_header_is_missing(world: World) -> None:
    answer = await world.http.post("/v1/reports", params=FBL, content=a_report())
    assert "webhook-id" in assert_problem(answer, 401, "not-signed")


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_signature_of_another_time_is_refused(world: World, minutes: int) -> None:
    content = a_report()
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = await world.http.post(
        "/v1/reports", params=FBL, content=content, headers=signed(content, at=at)
    )
    detail = assert_problem(answer, 409, "signed-at-another-time")
    assert ("ago" in detail) == (minutes < 0)
    assert await count(world.pool, "reports") == 0


@pytest.mark.parametrize("announced", [True, False])
async def test_a_report_that_is_too_large_is_not_read_to_its_end(
    world: World, announced: bool
) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 1024 * 1024

    headers = signed(b"x")
    if announced:
        headers["content-length"] = str(LARGEST + 1)
    answer = await world.http.post("/v1/reports", params=FBL, content=endless(), headers=headers)
    assert_problem(answer, 413, "too-large")
    assert answer.headers["connection"] == "close"
    assert read <= (1 if announced else 12)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"[]", b'{"address": "nowhere", "sent_at": "x"}', b'{"address":']
)
async def test_what_is_not_understood_is_told_what_was_expected(
    world: World, content: bytes
) -> None:
    answer = await world.http.post(
        "/v1/reports", params=FBL, content=content, headers=signed(content)
    )
    assert "expected" in assert_problem(answer, 422, "not-understood")
    assert await count(world.pool, "evidence") == 0


async def test_a_delivery_that_is_repeated_is_answered_as_the_first_time(world: World) -> None:
    content = a_report()
    answers = [
        await world.http.post("/v1/reports", params=FBL, content=content, headers=signed(content))
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert await count(world.pool, "reports") == 1
    assert await count(world.pool, "incidents") == 1


async def test_another_report_under_the_same_id_is_refused_and_counted(world: World) -> None:
    await world.report()
    answer = await world.report(address="192.0.2.8", volume=9)
    assert "an id of its own" in assert_problem(answer, 409, "already-reported-otherwise")
    assert await count(world.pool, "reports") == 1
    text = (await world.http.get("/metrics")).text
    assert 'plazo_reports_total{outcome="already-reported-otherwise"} 1.0' in text


async def test_one_reporters_ids_are_not_another_reporters(world: World) -> None:
    content = a_report("192.0.2.8")
    await world.report()
    answer = await world.http.post(
        "/v1/reports",
        params={"reporter": "other"},
        content=content,
        headers=signed(content, secret=OLD_SECRET),
    )
    assert answer.json()["reports"] == ["other/msg-1/0"]


async def test_a_slash_in_an_id_runs_into_no_other_report(world: World) -> None:
    await world.report(id="a/0")
    answer = await world.report(id="a")
    assert answer.json()["reports"] == ["fbl/a/0"]
    assert await count(world.pool, "reports") == 2


async def test_two_gateways_that_get_one_report_at_once_keep_it_once(
    world: World, dsn: str
) -> None:
    pool = await open_pool(dsn)
    content = a_report()
    async with a_world(pool) as other:
        answers = await asyncio.gather(
            *(
                each.http.post("/v1/reports", params=FBL, content=content, headers=signed(content))
                for each in [world, other] * 5
            )
        )
    await pool.close()
    assert {answer.status_code for answer in answers} == {202}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert await count(world.pool, "reports") == 1


async def test_fifty_reports_at_once_through_two_gateways_are_one_incident(
    world: World, dsn: str
) -> None:
    pool = await open_pool(dsn)
    async with a_world(pool) as other:
        answers = await asyncio.gather(
            *(
                (world, other)[n % 2].report(
                    id=f"msg-{n}", address=("192.0.2.7", f"2001:db8:7::{n + 1:x}")[n % 3 % 2]
                )
                for n in range(50)
            )
        )
    await pool.close()
    assert {answer.status_code for answer in answers} == {202}
    assert {tuple(answer.json()["incidents"]) for answer in answers} == {(INCIDENT,)}
    assert await count(world.pool, "reports") == 50
    assert await count(world.pool, "incidents") == 1
    assert await count(world.pool, "audit") == 1


@pytest.mark.parametrize("n", range(2))
async def test_a_report_that_nobody_can_place_is_kept_for_a_person(world: World, n: int) -> None:
    answers = [await world.report("198.51.100.9", id=f"msg-{each}") for each in range(n + 1)]
    assert answers[-1].status_code == 202
    assert answers[-1].json()["incidents"] == []
    assert "198.51.100.9" in answers[-1].json()["unplaced"][0]
    assert await count(world.pool, "reports") == n + 1
    [task] = await world.pool.fetch("SELECT * FROM tasks")
    assert task["kind"] == "place_report"


async def post_sample(world: World, name: str, **query: str) -> httpx.Response:
    content = recent(name)
    return await world.http.post(
        "/v1/reports", params=FBL | query, content=content, headers=signed(content, name)
    )


@pytest.mark.parametrize("name", ["letter.eml", "bounce.eml", "xarf4-phishing.json"])
async def test_what_only_a_person_understands_is_kept_whole_for_one(
    world: World, name: str
) -> None:
    answer = await post_sample(world, name)
    assert answer.status_code == 202
    assert answer.json()["incidents"] == []
    kept = await world.pool.fetchrow("SELECT format, unplaced FROM reports")
    assert (kept["format"], [kept["unplaced"]]) == ("unread", answer.json()["unplaced"])
    assert await world.pool.fetchval("SELECT kind FROM tasks") == "read_report"


async def test_a_report_that_complains_about_nothing_is_accepted_and_opens_nothing(
    world: World,
) -> None:
    answer = await post_sample(world, "arf-not-spam.eml")
    assert answer.status_code == 202
    assert await count(world.pool, "evidence") == 1
    assert await count(world.pool, "incidents") == 0


async def test_spam_itself_is_taken_from_those_who_say_that_it_is(world: World) -> None:
    answer = await post_sample(world, "spam.eml", spam="true")
    assert answer.json()["incidents"] == [INCIDENT]


async def test_a_reporter_can_say_where_its_mail_leaves_from(world: World) -> None:
    answer = await post_sample(world, "rspamd-user.json", address="192.0.2.8")
    assert answer.json()["incidents"] == ["incident-vps-2-1"]
    told = await post_sample(world, "rspamd-relay.json", address="192.0.2.8")
    assert told.json()["incidents"] == [INCIDENT]
    wrong = await post_sample(world, "mailchannels.json", address="192.0.2.0/24")
    assert "is no IP address" in assert_problem(wrong, 422, "not-understood")


async def test_without_postgresql_a_report_is_to_be_sent_again(server: str, dsn: str) -> None:
    parts = urlsplit(dsn)
    gate = Gate(str(parts.hostname), int(parts.port or 0))
    port = await gate.start()
    pool = await open_pool(dsn.replace(f":{parts.port}/", f":{port}/"))
    async with a_world(pool) as world:
        assert (await world.report()).status_code == 202
        gate.shut()
        away = await world.report(id="msg-2")
        assert_problem(away, 503, "book-of-record-away")
        assert int(away.headers["retry-after"]) > 0
        gate.open()
        assert (await world.report(id="msg-2")).status_code == 202
        assert await count(pool, "reports") == 2
    await pool.close()
    await gate.stop()


async def test_what_becomes_of_reports_is_counted(world: World) -> None:
    await world.report()
    await world.report(id="")
    text = (await world.http.get("/metrics")).text
    assert 'plazo_reports_total{outcome="accepted"} 1.0' in text
    assert 'plazo_reports_total{outcome="not-signed"} 1.0' in text
    assert 'route="/v1/reports",status="202"} 1.0' in text
