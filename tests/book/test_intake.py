"""Reports: kept once, joined to one incident, never lost."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Pool

from book.clientele import clients
from book.database import transaction
from book.intake import intake
from book.intake.intake import ReportedOtherwise
from domain.incident import Outcome
from tests.book.provider import (
    ADDRESS,
    INCIDENT,
    a_clientele,
    a_provider,
    a_report,
    closed,
    reported,
    until_one_waits,
)
from tests.domain.builders import a_service

ELSEWHERE = "198.51.100.9"


async def test_many_at_once_about_one_service_are_one_incident(database: Pool) -> None:
    await a_provider(database)
    found = await asyncio.gather(*(reported(database, f"r-{number}") for number in range(30)))
    assert set(found) == {INCIDENT}
    assert await database.fetchval("SELECT count(*) FROM reports") == 30
    opened = await database.fetch("SELECT source FROM audit WHERE incident = $1", INCIDENT)
    assert [entry["source"] for entry in opened] == ["opened"]


async def test_the_same_report_again_and_at_once_is_kept_once(database: Pool) -> None:
    await a_provider(database)
    again = [intake.accept(database, a_report("r-1", ADDRESS, ELSEWHERE)) for _ in range(8)]
    first, *others = await asyncio.gather(*again)
    assert first.incidents == (INCIDENT,)
    assert first.reports == ("fbl/r-1/0", "fbl/r-1/1")
    assert len(first.unplaced) == 1
    assert all(other == first for other in others)
    assert await database.fetchval("SELECT count(*) FROM reports") == 2


async def test_the_same_content_read_otherwise_is_answered_as_the_first(database: Pool) -> None:
    """A newer reader of formats may see more in it; what was answered stays."""
    await a_provider(database)
    first = await intake.accept(database, a_report())
    second = await intake.accept(database, a_report("r-1", ELSEWHERE, volume=500))
    assert second == first
    assert await database.fetchval("SELECT sum(volume) FROM reports") == 1


async def test_the_same_id_with_another_content_is_refused(database: Pool) -> None:
    await a_provider(database)
    await intake.accept(database, a_report())
    with pytest.raises(ReportedOtherwise, match="fbl has reported something else as r-1"):
        await intake.accept(database, replace(a_report(), content=b"another"))
    assert await database.fetchval("SELECT count(*) FROM reports") == 1
    assert await database.fetchval("SELECT count(*) FROM evidence") == 1


async def test_reports_about_one_message_count_once_for_the_largest(database: Pool) -> None:
    await a_provider(database)
    for name, volume in (("r-1", 3), ("r-2", 7), ("r-3", 5)):
        await reported(database, name, fingerprint="a message", volume=volume)
    await reported(database, "r-4", fingerprint="another", volume=2)
    await reported(database, "r-5", volume=10)
    await reported(database, "r-6", volume=10)
    counted = await database.fetch("SELECT counted FROM reports ORDER BY counted")
    assert [row["counted"] for row in counted] == [0, 0, 2, 7, 10, 10]
    assert await database.fetchval("SELECT count(*) FROM reports") == 6


async def test_one_message_in_one_report_counts_once(database: Pool) -> None:
    await a_provider(database)
    twice = a_report("r-1", ADDRESS, ADDRESS, fingerprint="a message", volume=4)
    await intake.accept(database, twice)
    assert await database.fetchval("SELECT sum(counted) FROM reports") == 4


async def test_reports_about_one_message_at_once_count_once(database: Pool) -> None:
    await a_provider(database)
    many = [reported(database, f"r-{n}", fingerprint="a", volume=1 + n % 5) for n in range(40)]
    await asyncio.gather(*many)
    assert await database.fetchval("SELECT sum(counted) FROM reports") == 5
    assert await database.fetchval("SELECT count(*) FROM reports") == 40


async def test_a_message_counts_in_each_incident(database: Pool) -> None:
    await a_provider(database)
    await reported(database, "r-1", fingerprint="a message")
    await closed(database, INCIDENT)
    await reported(database, "r-2", fingerprint="a message")
    assert await database.fetchval("SELECT sum(counted) FROM reports") == 2


async def test_reports_that_open_the_same_two_incidents_do_not_wait_for_each_other(
    database: Pool,
) -> None:
    services = (
        a_service(id="vps-1", addresses=("192.0.2.1/32",)),
        a_service(id="vps-2", addresses=("192.0.2.2/32",)),
    )
    await clients.keep(database, a_clientele(*services))
    both = [
        a_report(f"r-{number}", *(["192.0.2.1", "192.0.2.2"][:: 1 if number % 2 else -1]))
        for number in range(20)
    ]
    found = await asyncio.gather(*(intake.accept(database, report) for report in both))
    assert {each.incidents for each in found} == {("incident-vps-1-1", "incident-vps-2-1")}


async def test_closing_waits_for_a_report_that_is_being_kept_and_then_is_refused(
    database: Pool,
) -> None:
    await a_provider(database)
    await reported(database)
    await database.execute("DELETE FROM dirty")
    async with transaction(database) as connection:
        # A report that has joined and is not committed yet, as `accept` holds it.
        await connection.execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", INCIDENT
        )
        await connection.execute("SELECT mark_dirty($1)", INCIDENT)
        closing = asyncio.create_task(closed(database, INCIDENT, heard=10))
        await until_one_waits(database, closing)
    assert await closing is False


async def test_no_report_joins_an_incident_that_has_closed(database: Pool) -> None:
    """Incidents are closed, whatever news there is, while reports pour in."""
    await a_provider(database)
    await reported(database, "r-first")
    at_close: dict[str, int] = {}
    pouring = True

    async def close_again_and_again() -> None:
        while pouring:
            incident = await database.fetchval(
                "SELECT id FROM incidents ORDER BY number DESC LIMIT 1"
            )
            await closed(database, incident)
            at_close.setdefault(incident, await reports_of(database, incident))
            await asyncio.sleep(0.02)

    closer = asyncio.create_task(close_again_and_again())
    for batch in range(10):
        names = [f"r-{batch}-{number}" for number in range(10)]
        await asyncio.gather(*(reported(database, name) for name in names))
    pouring = False
    await closer
    assert len(at_close) > 1
    assert await database.fetchval("SELECT count(*) FROM reports") == 101
    assert at_close == {each: await reports_of(database, each) for each in at_close}


async def reports_of(pool: Pool, incident: str) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM reports WHERE incident = $1", incident)
    return count


async def test_a_report_after_the_close_opens_the_next_incident(database: Pool) -> None:
    await a_provider(database)
    await reported(database)
    assert await closed(database, INCIDENT)
    assert await closed(database, INCIDENT, Outcome.WITHDRAWN, heard=0)
    assert await reported(database, "r-2") == "incident-vps-1-2"
    outcome = await database.fetchval("SELECT outcome FROM incidents WHERE id = $1", INCIDENT)
    assert outcome == "remediated"


async def test_an_unknown_address_is_one_task_for_a_person(database: Pool) -> None:
    await a_provider(database)
    for number in range(3):
        accepted = await intake.accept(database, a_report(f"r-{number}", ELSEWHERE))
        assert accepted.incidents == ()
        assert ELSEWHERE in accepted.unplaced[0]
    [task] = await database.fetch("SELECT kind, detail FROM tasks")
    assert task["kind"] == "place_report"
    assert ELSEWHERE in task["detail"]
    assert await database.fetchval("SELECT count(*) FROM reports") == 3


async def test_a_report_belongs_to_whoever_had_the_address_when_the_mail_was_sent(
    database: Pool,
) -> None:
    await a_provider(database)
    moved = datetime.now(UTC)
    await clients.keep(
        database,
        a_clientele(
            a_service(id="vps-1", addresses=()),
            a_service(id="vps-2", addresses=(f"{ADDRESS}/32",)),
        ),
    )
    before, after = moved - timedelta(hours=1), datetime.now(UTC)
    assert await reported(database, "r-1", sent_at=before) == "incident-vps-1-1"
    assert await reported(database, "r-2", sent_at=after) == "incident-vps-2-1"


async def test_the_narrower_prefix_has_the_address(database: Pool) -> None:
    await clients.keep(database, a_clientele(a_service(id="vps-1", addresses=("192.0.2.0/24",))))
    await clients.keep(database, a_clientele(a_service(id="vps-2", addresses=("192.0.2.0/28",))))
    now = datetime.now(UTC)
    assert await reported(database, "r-1", sent_at=now) == "incident-vps-2-1"
    # The narrower one has only just been rented: earlier mail is the other's.
    before = now - timedelta(hours=1)
    assert await reported(database, "r-2", sent_at=before) == "incident-vps-1-1"


async def test_a_report_that_cannot_be_kept_leaves_nothing(database: Pool) -> None:
    await a_provider(database)
    with pytest.raises(Exception, match="0x00"):
        await intake.accept(database, a_report("r-1", ADDRESS, message_id="a\0b"))
    for table in ("reports", "incidents", "evidence", "audit", "dirty"):
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0
