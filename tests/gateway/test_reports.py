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


async def post(world: World, content: bytes, name: str = "msg-1") -> httpx.Response:
    """Post, and read nothing."""
    return await world.http.post(
        "/v1/reports", params=FBL, content=content, headers=signed(content, name)
    )


async def test_a_report_is_committed_when_it_is_accepted_and_read_afterwards(world: World) -> None:
    content = a_report(domain="shop.example", volume=3)
    answer = await post(world, content)
    assert (answer.status_code, answer.json()) == (202, {"report": "fbl/msg-1"})
    waits = await world.pool.fetchrow("SELECT * FROM inbox")
    assert (waits["name"], waits["body"]) == ("fbl/msg-1/", content)
    assert await count(world.pool, "reports") == 0
    await world.read()
    kept = await world.pool.fetchrow("SELECT * FROM reports")
    assert (kept["id"], kept["incident"], kept["volume"]) == ("fbl/msg-1/0", INCIDENT, 3)
    assert kept["received_at"] == waits["received_at"]
    assert await count(world.pool, "dirty") == 1
    assert await count(world.pool, "inbox") == 0


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
    assert await world.rows() == [("fbl/mail/0", INCIDENT)]


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
    assert await count(world.pool, "inbox") == 0


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
    assert await count(world.pool, "inbox") == 0


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
    assert await count(world.pool, "inbox") == 0


@pytest.mark.parametrize("read_between", [False, True])
async def test_a_delivery_that_is_repeated_is_answered_as_the_first_time(
    world: World, read_between: bool
) -> None:
    content = a_report()
    first = await post(world, content)
    if read_between:
        await world.read()
    again = await post(world, content)
    assert (again.status_code, again.json()) == (202, first.json())
    assert await count(world.pool, "inbox") == (0 if read_between else 1)
    assert await world.rows() == [("fbl/msg-1/0", INCIDENT)]
    assert await count(world.pool, "incidents") == 1


@pytest.mark.parametrize("read_between", [False, True])
async def test_another_report_under_the_same_id_is_refused_and_counted(
    world: World, read_between: bool
) -> None:
    await post(world, a_report())
    if read_between:
        await world.read()
    answer = await post(world, a_report("192.0.2.8", volume=9))
    assert "an id of its own" in assert_problem(answer, 409, "already-reported-otherwise")
    assert await world.rows() == [("fbl/msg-1/0", INCIDENT)]
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
    assert answer.json() == {"report": "other/msg-1"}
    assert [name for name, _ in await world.rows()] == ["fbl/msg-1/0", "other/msg-1/0"]


async def test_a_slash_in_an_id_runs_into_no_other_report(world: World) -> None:
    await world.report(id="a/0")
    await world.report(id="a")
    assert [name for name, _ in await world.rows()] == ["fbl/a%2F0/0", "fbl/a/0"]


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
    assert await world.rows() == [("fbl/msg-1/0", INCIDENT)]


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
    rows = await world.rows()
    assert (len(rows), {incident for _, incident in rows}) == (50, {INCIDENT})
    assert await count(world.pool, "incidents") == 1
    assert await count(world.pool, f"audit WHERE incident = '{INCIDENT}'") == 1


@pytest.mark.parametrize("n", range(2))
async def test_a_report_that_nobody_can_place_is_kept_for_a_person(world: World, n: int) -> None:
    for each in range(n + 1):
        await world.report("198.51.100.9", id=f"msg-{each}")
    assert {incident for _, incident in await world.rows()} == {None}
    why = await world.pool.fetch("SELECT unplaced FROM reports")
    assert len(why) == n + 1
    assert "198.51.100.9" in why[-1]["unplaced"]
    [task] = await world.pool.fetch("SELECT * FROM tasks")
    assert task["kind"] == "place_report"


async def post_sample(world: World, name: str, **query: str) -> httpx.Response:
    content = recent(name)
    answer = await world.http.post(
        "/v1/reports", params=FBL | query, content=content, headers=signed(content, name)
    )
    await world.read()
    return answer


@pytest.mark.parametrize("name", ["letter.eml", "bounce.eml", "xarf4-phishing.json"])
async def test_what_only_a_person_understands_is_kept_whole_for_one(
    world: World, name: str
) -> None:
    answer = await post_sample(world, name)
    assert answer.status_code == 202
    kept = await world.pool.fetchrow("SELECT r.*, e.body FROM reports r"
                                     " JOIN evidence e ON e.sha256 = r.evidence")  # fmt: skip
    assert (kept["format"], kept["incident"]) == ("unread", None)
    assert kept["body"] == recent(name)
    assert await world.pool.fetchval("SELECT kind FROM tasks") == "read_report"


async def test_a_report_that_complains_about_nothing_is_accepted_and_opens_nothing(
    world: World,
) -> None:
    answer = await post_sample(world, "arf-not-spam.eml")
    assert answer.status_code == 202
    assert await count(world.pool, "evidence") == 1
    assert await count(world.pool, "incidents") == 0
    assert await count(world.pool, "inbox") == 0


async def test_spam_itself_is_taken_from_those_who_say_that_it_is(world: World) -> None:
    await post_sample(world, "spam.eml", spam="true")
    assert await world.rows() == [("fbl/spam.eml/0", INCIDENT)]
    headless = await world.http.post(
        "/v1/reports?reporter=fbl&spam=1", content=b"Buy!", headers=signed(b"Buy!")
    )
    assert "with its whole header" in assert_problem(headless, 422, "not-understood")
    unclear = await post_sample(world, "spam.eml", spam="perhaps")
    assert '"true" or "false"' in assert_problem(unclear, 422, "invalid-request")


async def test_a_reporter_can_say_where_its_mail_leaves_from(world: World) -> None:
    await post_sample(world, "rspamd-user.json", address="192.0.2.8")
    await post_sample(world, "rspamd-relay.json", address="192.0.2.8")
    assert await world.rows() == [
        ("fbl/rspamd-relay.json/0", INCIDENT), ("fbl/rspamd-user.json/0", "incident-vps-2-1"),
    ]  # fmt: skip
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


async def test_what_waits_to_be_read_is_told(world: World) -> None:
    for number in range(3):
        await post(world, a_report(), f"msg-{number}")
    waiting = (await world.http.get("/metrics")).text
    assert "plazo_inbox_reports 3.0" in waiting
    assert "plazo_inbox_oldest_seconds 0.0\n" not in waiting
    await world.read()
    read = (await world.http.get("/metrics")).text
    assert "plazo_inbox_reports 0.0" in read
    assert "plazo_inbox_oldest_seconds 0.0\n" in read


async def test_the_answer_is_locked_down_like_every_other(world: World) -> None:
    answer = await post(world, a_report())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
