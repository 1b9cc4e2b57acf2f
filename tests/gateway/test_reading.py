"""Reading the inbox: nothing lost, nothing twice, whoever is killed and whatever is in it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from asyncpg import Connection, Pool

from book.beside import beside
from book.clientele import clients
from book.database import LOST, open_pool, transaction
from book.intake import inbox, reports
from book.intake.attribution import Attribution
from book.intake.inbox import Delivered, Inbox
from book.intake.reports import Accepted, Received, ReportedOtherwise
from domain.intake.complaints import Complaint
from gateway import reading
from gateway.formats import port
from gateway.reading import Reader
from tests.book import reporting
from tests.book.provider import ADDRESS, INCIDENT, a_clientele, a_provider
from tests.gateway.corpus import recent
from tests.gateway.test_arrival import QUESTION
from tests.gateway.world import Gate, a_report

REPOSITORY = Path(__file__).parents[2]


def delivered(name: str = "r-1", content: bytes | None = None) -> Delivered:
    return Delivered(
        id=name,
        reporter="fbl",
        received_at=datetime.now(UTC),
        content=a_report(ADDRESS, message_id=name) if content is None else content,
        media_type="application/json",
    )


async def put(pool: Pool, *several: Delivered) -> None:
    taking = Inbox(pool)
    async with taking.running():
        await asyncio.gather(*(taking.put(each) for each in several))


async def count(pool: Pool, what: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {what}")
    return found


async def until_read(pool: Pool) -> None:
    async with asyncio.timeout(60):
        while await count(pool, "inbox"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_what_comes_is_read_at_once(database: Pool) -> None:
    await a_provider(database)
    async with beside(Reader(database).run()):
        for number in range(3):
            await put(database, delivered(f"r-{number}"))
            await until_read(database)
    assert await count(database, f"reports WHERE incident = '{INCIDENT}'") == 3


async def test_readers_are_told_of_what_has_come(database: Pool) -> None:
    heard = asyncio.Event()
    async with database.acquire() as connection:
        await connection.add_listener(inbox.CHANNEL, lambda *_: heard.set())
        await put(database, delivered())
        async with asyncio.timeout(10):
            await heard.wait()
        await connection.reset()


async def test_several_readers_place_each_report_once(database: Pool) -> None:
    await clients.keep(database, a_clientele(*reporting.SERVICES))
    addresses = reporting.ADDRESSES
    await put(database, *(
        delivered(f"r-{n}", a_report(addresses[n % 5], message_id=f"m-{n}")) for n in range(600)
    ))  # fmt: skip
    readers = [Reader(database) for _ in range(3)]
    async with beside(*(each.run() for each in readers)):
        await until_read(database)
    assert await count(database, "reports") == 600
    assert await count(database, "incidents") == 5
    assert await database.fetchval("SELECT sum(counted) FROM reports") == 600


async def test_mail_that_nobody_understands_is_kept_whole_for_a_person(database: Pool) -> None:
    await a_provider(database)
    await put(database, delivered(content=QUESTION))
    assert await Reader(database).look() == 1
    row = await database.fetchrow(
        "SELECT r.format, e.body FROM reports r JOIN evidence e ON e.sha256 = r.evidence"
    )
    assert (row["format"], row["body"]) == ("unread", QUESTION)
    assert await database.fetchval("SELECT kind FROM tasks") == "read_report"


async def test_what_the_book_cannot_hold_is_kept_unread_and_the_others_as_ever(
    database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def understand(content: bytes, media_type: str, received_at: datetime) -> tuple[Complaint, ...]:
        found = port.understand(content, media_type, received_at)
        return tuple(replace(each, sender="a\0b") for each in found) if content == bad else found

    await a_provider(database)
    bad = a_report(ADDRESS, message_id="bad")
    await put(database, *(delivered(f"r-{n}") for n in range(5)), delivered("bad", bad))
    monkeypatch.setattr(reading, "understand", understand)
    assert await Reader(database).look() == 6
    assert await count(database, f"reports WHERE incident = '{INCIDENT}'") == 5
    [row] = await database.fetch("SELECT * FROM reports WHERE incident IS NULL")
    assert (row["id"], row["format"]) == ("fbl/bad/0", "unread")
    assert "cannot be put on record" in row["unplaced"]


async def test_what_fails_by_our_fault_stays_and_is_read_later(
    database: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await a_provider(database)
    await put(database, delivered())
    await database.execute("ALTER TABLE dirty RENAME TO elsewhere")
    reader = Reader(database)
    assert await reader.look() == 1
    assert "a report has to wait" in caplog.text
    assert await reader.look() == 0  # not at once
    await database.execute("ALTER TABLE elsewhere RENAME TO dirty")
    async with database.acquire() as connection:
        assert (await inbox.backlog(connection)).reports == 1
    await database.execute("UPDATE inbox SET due_at = now()")
    assert await reader.look() == 1
    assert await count(database, f"reports WHERE incident = '{INCIDENT}'") == 1


async def test_what_can_be_kept_in_no_way_holds_up_nobody_else(
    database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(
        connection: Connection, batch: Sequence[Received], attribution: Attribution
    ) -> list[Accepted | ReportedOtherwise]:
        if any(each.id == "bad" for each in batch):
            raise asyncpg.DataError("never")
        return await reports.keep(connection, batch, attribution)

    await a_provider(database)
    await put(database, *(delivered(name) for name in ("r-1", "bad", "r-2")))
    monkeypatch.setattr(reading, "keep", keep)
    assert await Reader(database).look() == 3
    assert await Reader(database).look() == 0
    assert await count(database, f"reports WHERE incident = '{INCIDENT}'") == 2
    assert await database.fetchval("SELECT name FROM inbox") == "fbl/bad/"


async def test_another_report_of_the_name_that_came_meanwhile_goes_to_a_person(
    database: Pool,
) -> None:
    """As when two gateways get two reports of one name while the first is being read."""
    await a_provider(database)
    await put(database, delivered())
    await Reader(database).look()
    other = a_report(ADDRESS, message_id="other")
    async with transaction(database) as connection:
        await connection.execute(
            "INSERT INTO inbox (name, received_at, sha256, body, media_type, is_the_spam)"
            " VALUES ('fbl/r-1/', now(), sha256($1), $1, '', false)",
            other,
        )
    assert await Reader(database).look() == 1
    rows = await database.fetch(
        "SELECT r.*, e.body FROM reports r JOIN evidence e ON e.sha256 = r.evidence ORDER BY id"
    )
    assert [(row["incident"], row["format"]) for row in rows] == [
        (INCIDENT, "plain_json"), (None, "unread"),
    ]  # fmt: skip
    assert rows[1]["body"] == other
    assert "something else as r-1" in rows[1]["unplaced"]


async def test_a_reporters_address_is_of_all_that_names_none(database: Pool) -> None:
    await a_provider(database)
    event = replace(delivered(content=recent("rspamd-user.json")), address=ADDRESS)
    await put(database, event)
    await Reader(database).look()
    assert await database.fetchval("SELECT incident FROM reports") == INCIDENT


async def test_mail_is_judged_by_when_it_was_delivered(database: Pool) -> None:
    await a_provider(database)
    delivered_at = datetime.now(UTC) - timedelta(hours=5)
    await put(database, replace(delivered(), received_at=delivered_at))
    await Reader(database).look()
    row = await database.fetchrow("SELECT received_at, sent_at FROM reports")
    assert row["received_at"] == delivered_at
    assert row["sent_at"] == delivered_at  # it claims a date after its own receipt


async def test_without_postgresql_what_was_accepted_waits(database: Pool, dsn: str) -> None:
    await a_provider(database)
    parts = urlsplit(dsn)
    gate = Gate(str(parts.hostname), int(parts.port or 0))
    pool = await open_pool(dsn.replace(f":{parts.port}/", f":{await gate.start()}/"))
    await put(pool, *(delivered(f"r-{n}") for n in range(10)))
    gate.shut()
    with pytest.raises(LOST):
        await Reader(pool).look()
    with pytest.raises(LOST):
        await put(pool, delivered("r-10"))
    gate.open()
    await put(pool, delivered("r-10"))
    assert await Reader(pool).look() == 11
    assert await count(database, "reports") == 11
    await pool.close()
    await gate.stop()


async def test_readers_that_are_killed_again_and_again_lose_nothing_and_place_nothing_twice(
    database: Pool, dsn: str
) -> None:
    await a_provider(database)
    await put(database, *(delivered(f"r-{n}") for n in range(1_500)))
    seen = 0
    while await count(database, "inbox"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.gateway.reading", dsn, cwd=REPOSITORY,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert await process.stdout.readline() == b"a batch\n"
        seen += 1
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        if seen == 4:
            while await Reader(database).look():
                pass
    assert await count(database, "reports") == 1_500
    assert await database.fetchval("SELECT sum(counted) FROM reports") == 1_500
    assert await count(database, "incidents") == 1
