"""What the operator sees of the listing watch: its setting, and each address's history."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asyncpg import Pool

from book.blocklists import delisting, periods, snds
from book.blocklists.delisting import Asked
from book.blocklists.periods import Seen
from book.blocklists.snds import Day
from book.database import transaction
from domain.blocklists.blocklist import By
from tests.book.provider import ADDRESS, INCIDENT, an_incident
from tests.workers.command import Plazo
from tests.workers.test_settings import ENOUGH, problems
from workers.settings.provider import Settings


@pytest.fixture
def plazo(tmp_path: Path, dsn: str) -> Plazo:
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


async def a_history(pool: Pool, about: str = ADDRESS) -> None:
    """Listed once and gone, and listed again."""
    seen = Seen(address=about, zone="bl.example", answer="127.0.0.2", reproach=True, proof=b"{}")
    for gone in ((), ((about, "bl.example"),), ()):
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
    [newest, oldest] = json.loads(said.out)["listings"]
    assert (newest["zone"], newest["cleared_at"]) == ("bl.example", None)
    assert oldest["cleared_at"] is not None
    table = (await plazo("blocklist", "history", ADDRESS)).out.splitlines()
    assert [line.split()[0] for line in table] == ["List", "bl.example", "bl.example"]


async def test_an_address_without_a_history_is_said_so(plazo: Plazo) -> None:
    said = await plazo("blocklist", "history", "192.0.2.99")
    assert (said.code, said.out) == (0, "192.0.2.99 has not been seen on any list\n")
    said = await plazo("blocklist", "history", "no address")
    assert (said.code, said.err) == (
        1, 'plazo: "no address" is neither an IP address nor a domain\n'
    )  # fmt: skip


async def test_the_history_of_a_domain_is_told(plazo: Plazo, database: Pool) -> None:
    await a_history(database, "shop.example")
    table = (await plazo("blocklist", "history", "SHOP.example")).out.splitlines()
    assert [line.split()[0] for line in table] == ["List", "bl.example", "bl.example"]


async def test_the_history_of_an_address_has_what_microsoft_counted(
    plazo: Plazo, database: Pool
) -> None:
    moment = datetime(2026, 1, 2, 8, tzinfo=UTC)
    day = Day(
        address=ADDRESS, begins_at=moment, ends_at=moment, recipients=120, filter_result="YELLOW",
        complaint_rate="0.4%", trap_hits=3,
    )  # fmt: skip
    async with transaction(database) as connection:
        await snds.keep(connection, [(day, b"{}")])
    said = await plazo("blocklist", "history", ADDRESS)
    assert "2026-01-02: YELLOW, 120 recipients, complaint rate 0.4%, 3 spam trap hits" in said.out
    told = json.loads((await plazo("blocklist", "history", "--json", ADDRESS)).out)
    assert told["snds"][0]["trap_hits"] == 3


async def test_what_lists_were_asked_for_is_told(plazo: Plazo, database: Pool) -> None:
    await an_incident(database)
    said = await plazo("blocklist", "requests", INCIDENT)
    assert said.out == f"nothing was asked of any list for {INCIDENT}\n"
    asked = Asked(
        key="k", zone="bl.example", round=0, subjects=(ADDRESS, "192.0.2.8"), by=By.MAIL,
        sent_to="off@bl.example", sent="Subject: off\n\nplease", written_at=datetime.now(UTC),
    )  # fmt: skip
    async with transaction(database) as connection:
        await delisting.write(connection, INCIDENT, asked)
        await delisting.answered(connection, "k", taken=True, answer="250 ok")
    said = await plazo("blocklist", "requests", INCIDENT)
    assert f"{ADDRESS}, 192.0.2.8" in said.out
    assert "taken: 250 ok" in said.out
    [told] = json.loads((await plazo("blocklist", "requests", "--json", INCIDENT)).out)
    assert (told["sent"], told["by"]) == ("Subject: off\n\nplease", "mail")


async def test_the_requests_of_no_incident_are_refused(plazo: Plazo) -> None:
    said = await plazo("blocklist", "requests", "incident-vps-9-9")
    assert (said.code, "there is no incident incident-vps-9-9" in said.err) == (1, True)


def test_the_feed_of_microsoft_is_read_with_a_key() -> None:
    assert Settings.read(ENOUGH).snds is None
    feed = Settings.read({**ENOUGH, "PLAZO_SNDS_KEY": "0f1e2d3c-4b5a-6978-8796"}).snds
    assert feed is not None
    assert feed.url == "https://sendersupport.olc.protection.outlook.com/snds"
    assert "0f1e2d3c" not in repr(feed)
    assert problems(PLAZO_SNDS_KEY="short")[0].startswith("PLAZO_SNDS_KEY: ")
