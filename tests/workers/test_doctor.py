"""`plazo doctor` on the inbox: whether what was accepted is read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncpg import Pool

from book.intake.inbox import Delivered, Inbox
from tests.workers.command import Plazo

pytestmark = pytest.mark.real

NOTHING = "127.0.0.1:1"


async def said_of_postgresql(plazo: Plazo) -> str:
    said = await plazo("doctor")
    return next(line for line in said.out.splitlines() if "PostgreSQL: " in line)


@pytest.fixture
def plazo(tmp_path: Path, dsn: str) -> Plazo:
    env = {
        "PLAZO_DATABASE_URL": dsn,
        "PLAZO_PUBLIC_URL": "http://127.0.0.1",
        "PLAZO_PORTAL_SECRET": "the portal's secret of a test",
        "PLAZO_SMTP_URL": f"smtp://{NOTHING}",
        "PLAZO_BLOCKLISTS": "bl.example",
        "PLAZO_DNS": NOTHING,
        "TEMPORAL_ADDRESS": NOTHING,
    }
    return Plazo(home=tmp_path / "home", env=env)


async def put(pool: Pool, *waited: timedelta) -> None:
    inbox = Inbox(pool)
    async with inbox.running():
        for number, each in enumerate(waited):
            await inbox.put(Delivered(
                id=f"r-{number}", reporter="fbl", received_at=datetime.now(UTC) - each,
                content=b"x", media_type="",
            ))  # fmt: skip


async def test_all_is_read(plazo: Plazo) -> None:
    line = await said_of_postgresql(plazo)
    assert line.startswith("ok ")
    assert line.endswith("every report that was accepted has been read")


async def test_reports_wait_in_a_storm(plazo: Plazo, database: Pool) -> None:
    await put(database, timedelta(seconds=5), timedelta(0))
    line = await said_of_postgresql(plazo)
    assert line.startswith("ok ")
    assert "reports that wait to be read: 2, the oldest for " in line


async def test_nobody_reads(plazo: Plazo, database: Pool) -> None:
    await put(database, timedelta(hours=1), timedelta(0))
    line = await said_of_postgresql(plazo)
    assert line.startswith("WRONG ")
    assert "2, the oldest for 36" in line
    assert "run `plazo worker`" in line
