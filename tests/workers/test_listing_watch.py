"""What the operator sees of the listing watch: its setting, and each address's history."""

import json
from pathlib import Path

import pytest
from asyncpg import Pool

from book import periods
from book.database import transaction
from book.periods import Seen
from tests.book.provider import ADDRESS
from tests.workers.command import Plazo
from tests.workers.test_settings import ENOUGH, problems
from workers.settings import Settings


@pytest.fixture
def plazo(tmp_path: Path, dsn: str) -> Plazo:
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


async def a_history(pool: Pool) -> None:
    """Listed once and gone, and listed again."""
    seen = Seen(address=ADDRESS, zone="bl.example", answer="127.0.0.2", reproach=True, proof=b"{}")
    for gone in ((), ((ADDRESS, "bl.example"),), ()):
        async with transaction(pool) as connection:
            await periods.keep(connection, [] if gone else [seen], gone)


@pytest.mark.parametrize("given", ["0", "none"])
def test_the_watch_can_be_switched_off(given: str) -> None:
    assert Settings.read({**ENOUGH, "PLAZO_WATCH": given}).watch is None


def test_the_watch_runs_every_six_hours_unless_told_otherwise() -> None:
    assert Settings.read(ENOUGH).watch == 6 * 3_600
    assert Settings.read({**ENOUGH, "PLAZO_WATCH": "24h"}).watch == 86_400
    assert problems(PLAZO_WATCH="often")[0].startswith("PLAZO_WATCH: ")


def test_several_resolvers_can_be_named() -> None:
    both = "192.0.2.53:53, [2001:db8::53]:53"
    assert Settings.read({**ENOUGH, "PLAZO_DNS": both}).dns == both
    assert "[::1]:53" in problems(PLAZO_DNS="192.0.2.53:53, ns.example")[0]


async def test_the_history_of_an_address_is_told_newest_first(plazo: Plazo, database: Pool) -> None:
    await a_history(database)
    said = await plazo("blocklist", "history", "--json", f"::ffff:{ADDRESS}")
    [newest, oldest] = json.loads(said.out)
    assert (newest["zone"], newest["cleared_at"]) == ("bl.example", None)
    assert oldest["cleared_at"] is not None
    table = (await plazo("blocklist", "history", ADDRESS)).out.splitlines()
    assert [line.split()[0] for line in table] == ["List", "bl.example", "bl.example"]


async def test_an_address_without_a_history_is_said_so(plazo: Plazo) -> None:
    said = await plazo("blocklist", "history", "192.0.2.99")
    assert (said.code, said.out) == (0, "192.0.2.99 has not been seen on any list\n")
    said = await plazo("blocklist", "history", "shop.example")
    assert (said.code, said.err) == (1, 'plazo: "shop.example" is no IP address\n')
