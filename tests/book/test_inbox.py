"""The inbox: each report once, whoever puts it and whatever is read in that moment."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from asyncpg import Pool

from book.database import transaction
from book.intake import inbox
from book.intake.inbox import Delivered, Inbox
from book.intake.reports import ReportedOtherwise
from book.together import MOST_BYTES

REPOSITORY = Path(__file__).parents[2]


def delivered(name: str = "r-1", content: bytes = b"what was reported") -> Delivered:
    return Delivered(
        id=name, reporter="fbl", received_at=datetime.now(UTC), content=content, media_type="a/b"
    )


async def put(pool: Pool, *reports: Delivered) -> list[BaseException | None]:
    taking = Inbox(pool)
    async with taking.running():
        return await asyncio.gather(*(taking.put(each) for each in reports), return_exceptions=True)


async def count(pool: Pool, what: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {what}")
    return found


async def test_many_at_once_are_a_few_commits(database: Pool) -> None:
    assert set(await put(database, *(delivered(f"r-{n}") for n in range(200)))) == {None}
    assert await count(database, "inbox") == 200
    assert await database.fetchval("SELECT count(DISTINCT xmin::text) FROM inbox") < 10


async def test_one_that_cannot_be_kept_fails_alone(database: Pool) -> None:
    reports = [delivered(f"r-{n}") for n in range(20)]
    reports[7] = replace(reports[7], media_type="a\0b")
    found = await put(database, *reports)
    assert isinstance(found.pop(7), asyncpg.DataError)
    assert set(found) == {None}
    assert await count(database, "inbox") == 19


async def test_one_name_is_one_report_and_another_under_it_is_refused(database: Pool) -> None:
    one, other = delivered(), delivered(content=b"another")
    found = await put(database, one, other, one)
    assert found[0] is found[2] is None
    assert isinstance(found[1], ReportedOtherwise)
    assert await put(database, one) == [None]
    [later] = await put(database, other)
    assert isinstance(later, ReportedOtherwise)
    assert await count(database, "inbox") == 1


async def test_many_processes_that_put_the_same_in_other_orders_do_not_block(
    database: Pool,
) -> None:
    reports = [delivered(f"r-{n}") for n in range(150)]
    found = await asyncio.gather(
        *(put(database, *(reports[::-1] if n % 2 else reports)) for n in range(6))
    )
    assert {each for one in found for each in one} == {None}
    assert await count(database, "inbox") == 150


async def test_what_is_taken_is_back_if_its_reader_fails_and_nobody_elses_meanwhile(
    database: Pool,
) -> None:
    await put(database, *(delivered(f"r-{n}") for n in range(10)))
    async with database.acquire() as one, transaction(database) as other:
        failing = one.transaction()
        await failing.start()
        assert len(await inbox.take(one, 6)) == 6
        assert len(await inbox.take(other, 100)) == 4
        await failing.rollback()
        assert len(await inbox.take(other, 100)) == 6
    assert await count(database, "inbox") == 0


async def test_one_that_was_read_this_moment_and_left_nothing_is_put_in_again(
    database: Pool,
) -> None:
    """The same comes again while it is taken out; it must not be acknowledged and be nowhere."""
    await put(database, delivered())
    async with database.acquire() as reader:
        reading = reader.transaction()
        await reading.start()
        assert len(await inbox.take(reader, 10)) == 1
        again = asyncio.create_task(put(database, delivered()))
        while not await count(database, "pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not again.done()
        await reading.commit()
    assert await again == [None]
    assert await count(database, "inbox") == 1


async def test_the_oldest_are_taken_first_and_not_more_than_fit_into_memory(
    database: Pool,
) -> None:
    for number in range(5):
        await put(database, delivered(f"r-{number}", b"x" * (MOST_BYTES // 2)))
    async with transaction(database) as connection:
        first = await inbox.take(connection, 10)
        assert {each.id for each in first} == {"r-0", "r-1"}
        assert {len(each.content) for each in first} == {MOST_BYTES // 2}
    await put(database, delivered("larger", b"x" * (2 * MOST_BYTES)))
    await database.execute("DELETE FROM inbox WHERE name <> 'fbl/larger/'")
    async with transaction(database) as connection:
        assert len(await inbox.take(connection, 10)) == 1


async def test_what_is_taken_is_what_was_put(database: Pool) -> None:
    for number, address in enumerate([None, "192.0.2.7", "::102:304", "2001:db8::1"]):
        given = replace(
            delivered(f"a%2F{number}", b"\0\xff" * number), address=address,
            is_the_spam=bool(number % 2), media_type='text/x; a="b,c"',
        )  # fmt: skip
        await put(database, given)
        async with transaction(database) as connection:
            assert await inbox.take(connection, 10) == [given]


async def test_the_backlog_says_how_long_the_oldest_has_waited(database: Pool) -> None:
    async with database.acquire() as connection:
        assert (await inbox.backlog(connection)).oldest is None
        await put(database, delivered(), delivered("r-2"))
        await connection.execute(
            "UPDATE inbox SET received_at = now() - interval '1 hour' WHERE name = 'fbl/r-1/'"
        )
        waiting = await inbox.backlog(connection)
    assert waiting.reports == 2
    assert waiting.oldest is not None
    assert 3_590 < waiting.oldest.total_seconds() < 3_700


@pytest.mark.parametrize("said", [1, 60])
async def test_killed_between_commit_and_answer_a_retry_is_the_same_report(
    database: Pool, dsn: str, said: int
) -> None:
    process = await a_gateway(dsn)
    assert process.stdout is not None
    answered = [(await process.stdout.readline()).decode().strip() for _ in range(said)]
    process.send_signal(signal.SIGKILL)
    answered += [line.decode().strip() async for line in process.stdout if line.endswith(b"\n")]
    await process.wait()
    kept = {row["name"] for row in await database.fetch("SELECT name FROM inbox")}
    assert set(answered) <= kept
    output, _ = await (await a_gateway(dsn)).communicate()
    assert output.endswith(b"done\n")
    assert await count(database, "inbox") == 400


async def a_gateway(dsn: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.book.posting", dsn, "400", cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )  # fmt: skip
