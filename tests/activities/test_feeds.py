"""Microsoft's feed over HTTP, by the columns that it publishes: a listing like any other."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.blocklists.dnsbl import Blocklists
from activities.blocklists.snds import ZONE, Snds
from activities.feeds import Feeds
from activities.looking import Looking
from book.blocklists import periods, snds
from book.incident import news
from domain.blocklists.watching import FeedsRead, ReadFeeds
from domain.steps import CheckLists, Listings
from tests.book.provider import ADDRESS, INCIDENT, a_provider, an_incident
from workers.demo.blocklist import BlocklistServer

pytestmark = pytest.mark.real

KEY = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
STRANGER = "198.51.100.9"


def day(address: str = ADDRESS, result: str = "GREEN", complaints: str = "< 0.1%",
        traps: str = "0") -> str:  # fmt: skip
    return (
        f"{address},12/31/2025 10:00 AM,12/31/2025 7:00 PM,1200,1180,1170,{result},{complaints},"
        f"12/31/2025 11:00 AM,12/31/2025 6:00 PM,{traps},mail.shop.example,,"
    )


def blocked(first: str = ADDRESS, last: str = ADDRESS, flag: str = "Yes") -> str:
    return f"{first},{last},{flag},Blocked due to user complaints or other evidence of spamming"


@dataclass
class Microsoft:
    """Serves both files, one line each as they are given."""

    status: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    answer: str = "200 OK"
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        self.asked.append(path)
        lines = self.status if "ipStatus" in path else self.data
        body = "".join(f"{line}\r\n" for line in lines).encode()
        writer.write(
            f"HTTP/1.1 {self.answer}\r\nContent-Type: text/csv\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def microsoft() -> AsyncIterator[Microsoft]:
    async with _serving(Microsoft()) as microsoft:
        yield microsoft


@asynccontextmanager
async def _serving(microsoft: Microsoft) -> AsyncIterator[Microsoft]:
    server = await asyncio.start_server(microsoft.serve, "127.0.0.1", 0)
    microsoft.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/snds"
    try:
        yield microsoft
    finally:
        server.close()
        await server.wait_closed()


async def read(pool: Pool, microsoft: Microsoft | None, url: str = "") -> FeedsRead:
    feed = None if microsoft is None else Snds(KEY, url or microsoft.url)
    answer = await ActivityEnvironment().run(Feeds(pool=pool, feed=feed).read_feeds, ReadFeeds())
    assert isinstance(answer, FeedsRead)
    return answer


async def standing(pool: Pool, address: str = ADDRESS) -> list[str]:
    async with pool.acquire() as connection:
        found = await periods.history(connection, address)
    return [each.answer for each in found if each.cleared_at is None]


async def problems(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT detail FROM tasks WHERE kind = 'feed_unread'")
    return [row["detail"] for row in rows]


async def test_a_blocked_address_opens_the_incident_of_its_service(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.status = [blocked()]
    assert (await read(database, microsoft)).found == 1
    assert await standing(database) == [
        "blocked (Blocked due to user complaints or other evidence of spamming)"
    ]
    async with news.taken(database, INCIDENT) as stirred:
        assert stirred is not None
        assert stirred.news.listed == (f"{ADDRESS} {ZONE}",)
    assert microsoft.asked == [f"/snds/ipStatus.aspx?key={KEY}", f"/snds/data.aspx?key={KEY}"]


async def test_of_a_blocked_range_our_own_addresses_are_meant(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.status = [blocked("192.0.2.0", "192.0.2.255"), blocked(STRANGER, STRANGER)]
    assert (await read(database, microsoft)).found == 1
    assert await database.fetchval("SELECT count(*) FROM listing_periods") == 1


async def test_a_red_address_is_a_listing_and_a_yellow_one_is_none(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.data = [day(result="YELLOW")]
    assert (await read(database, microsoft)).found == 0
    microsoft.data = [day(result="RED", complaints="4.1%", traps="12"), day(STRANGER, "RED")]
    assert (await read(database, microsoft)).found == 1
    assert await standing(database) == [
        "RED, 1,170 recipients, complaint rate 4.1%, 12 spam trap hits"
    ]


async def test_complaints_and_trap_hits_are_evidence_of_the_incident(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.status, microsoft.data = [blocked()], [day(result="YELLOW", traps="3")]
    await read(database, microsoft)
    async with database.acquire() as connection:
        [of_incident] = await snds.of_incident(connection, INCIDENT)
        assert await snds.of_address(connection, ADDRESS) == (of_incident,)
    assert str(of_incident) == (
        f"{ADDRESS} 2025-12-31: YELLOW, 1,170 recipients, complaint rate < 0.1%, 3 spam trap hits"
    )
    assert of_incident.begins_at == datetime(2025, 12, 31, 18, tzinfo=UTC)
    kept = await database.fetchval(
        "SELECT body FROM evidence e JOIN snds_days d ON d.evidence = e.sha256"
    )
    assert json.loads(kept)["line"][:1] == [ADDRESS]


async def test_figures_of_before_are_the_evidence_of_an_incident_that_comes_later(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.data = [day()]
    await read(database, microsoft)
    async with database.acquire() as connection:
        assert await snds.of_incident(connection, INCIDENT) == ()
    await an_incident(database)
    await read(database, microsoft)
    async with database.acquire() as connection:
        assert len(await snds.of_incident(connection, INCIDENT)) == 1


async def test_what_is_neither_blocked_nor_red_any_more_is_cleared(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.status = [blocked()]
    await read(database, microsoft)
    microsoft.status = [blocked(flag="No")]
    assert (await read(database, microsoft)).gone == 1
    assert await standing(database) == []
    assert await database.fetchval("SELECT cleared_at IS NOT NULL FROM listings")


async def test_a_look_at_the_lists_does_not_clear_what_they_are_not_asked_about(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.status = [blocked()]
    await read(database, microsoft)
    async with BlocklistServer("bl.example") as lists:
        looking = Looking(
            pool=database, blocklists=Blocklists(lists.zones, lists.address), confirm_seconds=1,
            verify_seconds=1, look_again_seconds=1,
        )  # fmt: skip
        found = await ActivityEnvironment().run(
            looking.check_blocklists, CheckLists(incident=INCIDENT)
        )
    assert isinstance(found, Listings)
    assert found.listed == (f"{ADDRESS} {ZONE}",)
    assert found.ways[ZONE].page.startswith("https://sendersupport.olc.protection.outlook.com/")


async def test_a_feed_that_is_read_again_reports_nothing_twice(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.status, microsoft.data = [blocked()], [day(result="RED")]
    for _ in range(3):
        await read(database, microsoft)
    assert await database.fetchval("SELECT count(*) FROM reports") == 1
    assert await database.fetchval("SELECT count(*) FROM snds_days") == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [("403 Forbidden", "set PLAZO_SNDS_KEY"), ("500 Oh", "HTTP 500"), ("302 Found", "HTTP 302")],
)
async def test_a_feed_that_cannot_be_read_is_a_task_and_clears_nothing(
    database: Pool, microsoft: Microsoft, answer: str, says: str
) -> None:
    await a_provider(database)
    microsoft.status = [blocked()]
    await read(database, microsoft)
    microsoft.answer = answer
    for _ in range(2):
        assert says in (await read(database, microsoft)).problem
    assert len(await standing(database)) == 1
    [problem] = await problems(database)
    assert says in problem
    assert KEY not in problem


async def test_a_server_that_is_away_is_told_without_the_key(
    database: Pool, microsoft: Microsoft
) -> None:
    problem = (await read(database, microsoft, "http://127.0.0.1:1/snds")).problem
    assert "ipStatus.aspx cannot be had" in problem
    assert KEY not in problem
    assert KEY not in repr(Snds(KEY))


async def test_a_page_to_sign_in_is_no_feed(database: Pool, microsoft: Microsoft) -> None:
    microsoft.status = microsoft.data = ["<html>", "<title>Sign in, please</title>"]
    assert "this is no SNDS file" in (await read(database, microsoft)).problem


async def test_lines_that_cannot_be_read_are_told_and_clear_nothing(
    database: Pool, microsoft: Microsoft
) -> None:
    await a_provider(database)
    microsoft.status = [blocked()]
    await read(database, microsoft)
    microsoft.status, microsoft.data = [], [day(), day(result="PURPLE"), "192.0.2.7,soon"]
    assert (await read(database, microsoft)).gone == 0
    assert len(await standing(database)) == 1
    [problem] = await problems(database)
    assert "2 lines cannot be read" in problem
    assert "GREEN, YELLOW, RED" in problem
    assert await database.fetchval("SELECT count(*) FROM snds_days") == 1


async def test_without_a_key_there_is_nothing_to_read(database: Pool) -> None:
    assert await read(database, None) == FeedsRead()
