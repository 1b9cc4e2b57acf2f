"""What waits for a person joins its incident when the address, or the contract, is imported."""

import asyncio
from datetime import UTC, datetime, timedelta

from asyncpg import Pool, Record

from book.clientele import clients
from book.incident import news
from book.intake import intake, unplaced
from book.intake.intake import Received
from domain.clientele.signed import Signed
from tests.book.provider import ADDRESS, INCIDENT, a_clientele, a_report, closed, reported
from tests.domain.builders import a_contract, a_service

ELSEWHERE = "198.51.100.9"
WITHOUT = a_clientele(a_service(addresses=()))


async def tasks(pool: Pool) -> list[Record]:
    rows: list[Record] = await pool.fetch("SELECT * FROM tasks ORDER BY opened_at, key")
    return rows


async def count(pool: Pool, what: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {what}")
    return found


async def waiting(pool: Pool, name: str = "r-1", **complaint: object) -> None:
    accepted = await intake.accept(pool, a_report(name, **complaint))
    assert accepted.incidents == ()


async def test_reports_join_when_the_address_is_imported(database: Pool) -> None:
    await clients.keep(database, WITHOUT)
    for number in range(3):
        await waiting(database, f"r-{number}")
    assert await count(database, "incidents") == 0
    await clients.keep(database, a_clientele())
    assert await count(database, f"reports WHERE incident = '{INCIDENT}'") == 3
    assert await count(database, f"audit WHERE incident = '{INCIDENT}'") == 1
    assert await news.stirred(database, 0) == (INCIDENT,)
    [task] = await tasks(database)
    assert task["done_at"] is not None
    assert task["outcome"] == f"imported: joined {INCIDENT}"


async def test_reports_join_when_the_contract_is_imported(database: Pool) -> None:
    now = datetime.now(UTC)
    ended = Signed(contract=a_contract(), valid_until=now - timedelta(days=1))
    await clients.keep(database, a_clientele(contracts=(ended,)))
    await waiting(database)
    following = Signed(contract=a_contract(id="c-2"), valid_from=now - timedelta(days=1))
    await clients.keep(database, a_clientele(contracts=(ended, following)))
    assert await database.fetchval("SELECT contract FROM incidents") == "c-2"


async def test_reports_join_the_incident_that_is_open_already(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    await reported(database)
    await waiting(database, "r-2", address=ELSEWHERE)
    await database.execute("DELETE FROM dirty")
    both = a_service(addresses=(f"{ADDRESS}/32", f"{ELSEWHERE}/32"))
    await clients.keep(database, a_clientele(both))
    assert await count(database, f"reports WHERE incident = '{INCIDENT}'") == 2
    assert await count(database, "incidents") == 1
    assert await count(database, "dirty") == 1


async def test_each_message_counts_once_after_they_have_joined(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    await reported(database, "r-1", fingerprint="a", volume=2)
    for name, fingerprint, volume in (("r-2", "a", 5), ("r-3", "b", 3), ("r-4", "b", 4)):
        await waiting(
            database, name, address=ELSEWHERE, fingerprint=fingerprint, volume=volume
        )  # fmt: skip
    await waiting(database, "r-5", address=ELSEWHERE)
    both = a_service(addresses=(f"{ADDRESS}/32", f"{ELSEWHERE}/32"))
    await clients.keep(database, a_clientele(both))
    assert await database.fetchval("SELECT sum(counted) FROM reports") == 5 + 4 + 1


async def test_mail_of_months_ago_opens_no_incident_by_an_import(database: Pool) -> None:
    await clients.keep(database, WITHOUT)
    before = datetime.now(UTC) - unplaced.LATEST
    await waiting(database, "r-1", sent_at=before - timedelta(minutes=1))
    await clients.keep(database, a_clientele())
    assert await count(database, "incidents") == 0
    assert await count(database, "reports WHERE unplaced IS NOT NULL") == 1
    [task] = await tasks(database)
    assert "too long ago" in task["outcome"]


async def test_what_is_still_nobodys_goes_on_waiting(database: Pool) -> None:
    await waiting(database, "r-1", address=ELSEWHERE)
    await waiting(database, "r-2", address=None)
    await clients.keep(database, a_clientele())
    assert await count(database, "tasks WHERE done_at IS NULL") == 2
    assert await count(database, "reports WHERE incident IS NULL") == 2


async def test_a_task_that_was_done_is_followed_by_another(database: Pool) -> None:
    await waiting(database, "r-1")
    await waiting(database, "r-2")
    await database.execute("UPDATE tasks SET done_at = now(), outcome = 'not ours'")
    await waiting(database, "r-3")
    assert [task["done_at"] is None for task in await tasks(database)] == [False, True]


async def test_no_report_slips_through_an_import(database: Pool) -> None:
    """Whatever comes first, nothing waits for an address that the book has."""
    for turn in range(8):
        address = f"192.0.2.{turn + 100}"
        service = a_service(id=f"vps-{turn}", addresses=(f"{address}/32",))
        taking = [
            intake.accept(database, a_report(f"r-{turn}-{number}", address)) for number in range(6)
        ]
        importing = clients.keep(database, a_clientele(service))
        await asyncio.gather(*taking[:3], importing, *taking[3:])
    assert await count(database, "reports") == 48
    assert await count(database, "reports WHERE incident IS NULL") == 0
    assert await count(database, "tasks WHERE done_at IS NULL") == 0


def what_nobody_reads(name: str) -> Received:
    return Received(
        id=name, reporter="fbl", content=f"gibberish {name}".encode(), media_type="text/plain",
        complaints=(), unread="no known format",
    )  # fmt: skip


async def test_what_no_format_understands_is_kept_whole_for_a_person(database: Pool) -> None:
    accepted = await intake.accept(database, what_nobody_reads("r-1"))
    assert accepted.reports == ("fbl/r-1/0",)
    assert accepted.unplaced == ("no known format",)
    assert await intake.accept(database, what_nobody_reads("r-1")) == accepted
    kept = await database.fetchrow("SELECT * FROM reports JOIN evidence ON sha256 = evidence")
    assert kept is not None
    assert (kept["format"], kept["unplaced"]) == ("unread", "no known format")
    assert kept["body"] == b"gibberish r-1"
    [task] = await tasks(database)
    assert task["kind"] == "read_report"


async def test_a_storm_that_nobody_reads_is_one_task_a_day(database: Pool) -> None:
    for number in range(20):
        await intake.accept(database, what_nobody_reads(f"r-{number}"))
    assert len(await tasks(database)) == 1
    await database.execute("UPDATE tasks SET about = 'fbl 2026-01-01'")
    await intake.accept(database, what_nobody_reads("r-tomorrow"))
    assert len(await tasks(database)) == 2
    assert await count(database, "reports WHERE format = 'unread'") == 21


async def test_a_reason_that_is_no_text_keeps_nothing_off_the_record(database: Pool) -> None:
    odd = Received(
        id="r-1", reporter="fbl", content=b"\0\xff", media_type="", complaints=(),
        unread="found \0 and \udcff",
    )  # fmt: skip
    accepted = await intake.accept(database, odd)
    assert accepted.unplaced == ("found � and ?",)


async def test_a_report_after_the_close_of_what_it_waited_for_opens_the_next(
    database: Pool,
) -> None:
    await clients.keep(database, a_clientele())
    await reported(database)
    await waiting(database, "r-2", address=ELSEWHERE)
    await closed(database, INCIDENT)
    both = a_service(addresses=(f"{ADDRESS}/32", f"{ELSEWHERE}/32"))
    await clients.keep(database, a_clientele(both))
    joined = await database.fetchval("SELECT incident FROM reports WHERE id LIKE 'fbl/r-2/%'")
    assert joined == "incident-vps-1-2"


async def test_mail_of_long_ago_begins_nothing_and_waits_for_a_person(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    long_ago = datetime.now(UTC) - unplaced.LATEST - timedelta(minutes=1)
    await waiting(database, "r-1", sent_at=long_ago)
    [task] = await tasks(database)
    assert "more than 30 days before the report" in task["detail"]
    await clients.keep(database, a_clientele())
    assert await count(database, "incidents") == 0


async def test_many_addresses_are_placed_by_one_import(database: Pool) -> None:
    many = [f"10.{n >> 8}.{n & 255}.1" for n in range(5_000)]
    await clients.keep(database, WITHOUT)
    await intake.accept(database, a_report("r-1", *many))
    assert await count(database, "tasks WHERE done_at IS NULL") == len(many)
    await clients.keep(database, a_clientele(a_service(addresses=("10.0.0.0/8",))))
    assert await count(database, "tasks WHERE done_at IS NULL") == 0
    assert await count(database, f"reports WHERE incident = '{INCIDENT}'") == len(many)
