"""Reports that wait at the same time share a commit: each is kept, or fails, as if alone."""

import asyncio
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from asyncpg import Pool

from book.clientele import clients
from book.database import LOST, open_pool
from book.intake.intake import Accepted, Intake, ReportedOtherwise
from tests.book import reporting
from tests.book.provider import ADDRESS, INCIDENT, a_clientele, a_provider, a_report
from tests.gateway.world import Gate

REPOSITORY = Path(__file__).parents[2]
ELSEWHERE = "198.51.100.9"


async def count(pool: Pool, what: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {what}")
    return found


async def commits(pool: Pool) -> int:
    """How many transactions have inserted a report that is there."""
    found: int = await pool.fetchval("SELECT count(DISTINCT xmin::text) FROM reports")
    return found


async def a_process(dsn: str, name: str, number: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.book.reporting", dsn, name, str(number),
        cwd=REPOSITORY, stdout=subprocess.PIPE,
    )  # fmt: skip


async def test_many_at_once_are_a_few_commits(database: Pool) -> None:
    await a_provider(database)
    intake = Intake(database)
    found = await asyncio.gather(*(intake.accept(a_report(f"r-{n}")) for n in range(100)))
    assert [each.reports for each in found] == [(f"fbl/r-{n}/0",) for n in range(100)]
    assert {each.incidents for each in found} == {(INCIDENT,)}
    assert await count(database, "reports") == 100
    assert await commits(database) < 20


async def test_one_that_cannot_be_kept_fails_alone(database: Pool) -> None:
    await a_provider(database)
    intake = Intake(database)
    reports = [a_report(f"r-{n}") for n in range(30)]
    reports[17] = a_report("r-17", ADDRESS, message_id="a\0b")
    found = await asyncio.gather(*(intake.accept(each) for each in reports), return_exceptions=True)
    assert isinstance(found.pop(17), asyncpg.DataError)
    assert all(isinstance(each, Accepted) for each in found)
    assert await count(database, "reports") == 29


async def test_one_report_twice_at_once_is_kept_once(database: Pool) -> None:
    await a_provider(database)
    intake = Intake(database)
    twice = a_report("r-1", ADDRESS, ELSEWHERE)
    other = replace(twice, content=b"another")
    found = await asyncio.gather(
        *(intake.accept(each) for each in (twice, other, twice)), return_exceptions=True
    )
    assert isinstance(found[1], ReportedOtherwise)
    assert found[0] == found[2] == await intake.accept(twice)
    assert await count(database, "reports") == 2


async def test_without_postgresql_each_is_told_and_may_come_again(database: Pool, dsn: str) -> None:
    await a_provider(database)
    parts = urlsplit(dsn)
    gate = Gate(str(parts.hostname), int(parts.port or 0))
    pool = await open_pool(dsn.replace(f":{parts.port}/", f":{await gate.start()}/"))
    intake = Intake(pool)
    await intake.accept(a_report())
    gate.shut()
    reports = [a_report(f"r-{n}") for n in range(10)]
    found = await asyncio.gather(*(intake.accept(each) for each in reports), return_exceptions=True)
    assert all(isinstance(each, LOST) for each in found)
    gate.open()
    await asyncio.gather(*(intake.accept(each) for each in reports))
    assert await count(database, "reports") == 10
    await pool.close()
    await gate.stop()


async def test_who_gives_up_leaves_nobody_waiting(database: Pool) -> None:
    await a_provider(database)
    intake = Intake(database)
    tasks = [asyncio.create_task(intake.accept(a_report(f"r-{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, Accepted) for each in found[1::2])
    again = await asyncio.gather(*(intake.accept(a_report(f"r-{n}")) for n in range(20)))
    assert len(again) == await count(database, "reports") == 20


async def test_two_processes_open_one_incident_for_each_service(database: Pool, dsn: str) -> None:
    await clients.keep(database, a_clientele(*reporting.SERVICES))
    processes = [await a_process(dsn, name, 150) for name in ("one", "other")]
    for process in processes:
        output, _ = await process.communicate()
        assert output.endswith(b"done\n")
    assert await count(database, "reports") == 300
    opened = await database.fetch("SELECT id FROM incidents ORDER BY id")
    assert [row["id"] for row in opened] == [f"incident-vps-{n}-1" for n in range(1, 6)]
    assert await count(database, "audit") == 5


@pytest.mark.parametrize("said", [1, 60])
async def test_killed_between_commit_and_answer_a_retry_is_the_same_report(
    database: Pool, dsn: str, said: int
) -> None:
    await clients.keep(database, a_clientele(*reporting.SERVICES))
    process = await a_process(dsn, "r", 400)
    assert process.stdout is not None
    answered = [(await process.stdout.readline()).decode().strip() for _ in range(said)]
    process.send_signal(signal.SIGKILL)
    answered += [line.decode().strip() async for line in process.stdout if line.endswith(b"\n")]
    await process.wait()
    kept = {row["id"] for row in await database.fetch("SELECT id FROM reports")}
    assert {f"fbl/{name}/0" for name in answered} <= kept
    again = await a_process(dsn, "r", 400)
    output, _ = await again.communicate()
    assert output.endswith(b"done\n")
    assert await count(database, "reports") == 400
    assert await count(database, "incidents") == 5
