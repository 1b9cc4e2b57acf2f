"""Listings of addresses and of domains, what lists were asked for, and Microsoft's days."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from asyncpg import Pool

from book.blocklists import delisting, listings, periods, sending, snds
from book.blocklists.delisting import Asked
from book.blocklists.periods import Seen
from book.blocklists.snds import Day
from book.database import transaction
from book.incident import news
from book.schema import MIGRATIONS
from domain.blocklists.blocklist import By
from tests.book.provider import ADDRESS, INCIDENT, an_incident, closed, imposed, reported, seen
from tests.conftest import to_database

ZONE, SHOP = "bl.example", "shop.example"
MOMENT = datetime(2026, 1, 2, 8, tzinfo=UTC)


def a_day(address: str = ADDRESS, **more: object) -> Day:
    ordinary = {
        "address": address, "begins_at": MOMENT, "ends_at": MOMENT + timedelta(hours=9),
        "recipients": 120, "filter_result": "YELLOW", "complaint_rate": "0.4%", "trap_hits": 3,
    }  # fmt: skip
    return Day(**{**ordinary, **more})  # type: ignore[arg-type]


def asked(key: str = "k-1", *subjects: str, round: int = 0, zone: str = ZONE) -> Asked:
    return Asked(
        key=key, zone=zone, round=round, subjects=subjects or (ADDRESS,), by=By.MAIL,
        sent_to="off@bl.example", sent="Subject: off\n\nplease", written_at=MOMENT,
        reference="BL77",
    )  # fmt: skip


async def keep(pool: Pool, *found: tuple[str, str, str], gone: tuple[str, ...] = ()) -> None:
    async with transaction(pool) as connection:
        await listings.keep(connection, INCIDENT, found, [(each, ZONE) for each in gone])


async def standing(pool: Pool) -> tuple[str, ...]:
    async with pool.acquire() as connection:
        return await listings.standing_listings(connection, INCIDENT)


# --- listings ----------------------------------------------------------------------------------


async def test_an_address_and_a_domain_stand_and_go_by_themselves(database: Pool) -> None:
    await an_incident(database)
    await keep(database, (ADDRESS, ZONE, "127.0.0.2"), (SHOP, ZONE, "127.0.1.2"))
    assert await standing(database) == (f"{ADDRESS} {ZONE}", f"{SHOP} {ZONE}")
    await keep(database, gone=(SHOP,))
    assert await standing(database) == (f"{ADDRESS} {ZONE}",)
    await keep(database, (SHOP, ZONE, "127.0.1.4"))
    assert await database.fetchval("SELECT count(*) FROM listings") == 2
    await database.execute("SELECT mark_dirty($1)", INCIDENT)
    async with news.taken(database, INCIDENT) as stirred:
        assert stirred is not None
        assert stirred.news.listed == (f"{ADDRESS} {ZONE}", f"{SHOP} {ZONE}")


@pytest.mark.parametrize("table", ["listings", "listing_periods"])
@pytest.mark.parametrize("both", [(None, None), (ADDRESS, SHOP)])
async def test_a_listing_is_of_an_address_or_of_a_domain(
    database: Pool, table: str, both: tuple[str | None, str | None]
) -> None:
    await an_incident(database)
    more = {"listings": "incident", "listing_periods": "reproach, evidence"}[table]
    values = {
        "listings": f"'{INCIDENT}'",
        "listing_periods": "true, (SELECT sha256 FROM evidence LIMIT 1)",
    }
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await database.execute(
            f"INSERT INTO {table} (address, domain, zone, answer, {more})"
            f" VALUES ($1::text::inet, $2, 'bl.example', 'x', {values[table]})",
            *both,
        )


async def test_an_address_has_one_spelling(database: Pool) -> None:
    await an_incident(database)
    for spelling in ("2001:db8:0:0:0:0:0:7", "2001:DB8::7"):
        await keep(database, (spelling, ZONE, "127.0.0.2"))
    assert await standing(database) == (f"2001:db8::7 {ZONE}",)


async def test_a_period_of_a_domain_is_its_history(database: Pool) -> None:
    await an_incident(database)
    one = Seen(address=SHOP, zone=ZONE, answer="127.0.1.2", reproach=True, proof=b"{}")
    async with transaction(database) as connection:
        assert await periods.keep(connection, [one], []) == 1
        assert await periods.keep(connection, [one], []) == 0
        await periods.keep(connection, [], [(SHOP, ZONE)])
        [period] = await periods.history(connection, SHOP)
    assert (period.address, period.zone, period.cleared_at is None) == (SHOP, ZONE, False)


async def test_listings_of_before_keep_their_addresses(server: str) -> None:
    """0010 is applied to a book that has been in use."""
    control = await asyncpg.connect(server)
    await control.execute("CREATE DATABASE in_use")
    connection = await asyncpg.connect(to_database(server, "in_use"))
    try:
        for file in sorted(MIGRATIONS.glob("000[1-6].*.sql")):
            await connection.execute(file.read_text())
        await connection.execute(
            "SET session_replication_role = replica;"  # no clients, services and so on
            "INSERT INTO listings (incident, address, zone, answer)"
            "  VALUES ('i', '192.0.2.7', 'bl.example', 'x'),"
            "         ('i', '2001:db8::7', 'bl.example', 'x');"
            "INSERT INTO listing_periods (address, zone, answer, reproach, evidence)"
            "  VALUES ('192.0.2.7', 'bl.example', 'x', true, '');"
        )
        await connection.execute((MIGRATIONS / "0010.delisting.sql").read_text())
        rows = await connection.fetch("SELECT subject FROM listings ORDER BY address")
        assert [row["subject"] for row in rows] == [ADDRESS, "2001:db8::7"]
        assert await connection.fetchval("SELECT subject FROM listing_periods") == ADDRESS
    finally:
        await connection.close()
        await control.execute("DROP DATABASE in_use WITH (FORCE)")
        await control.close()


# --- domains that send -------------------------------------------------------------------------


async def test_a_domain_is_known_with_an_address_that_its_service_has_now(database: Pool) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain=SHOP)
    async with database.acquire() as connection:
        assert await sending.domains(connection, None, 10) == (SHOP,)
        assert await sending.domains(connection, SHOP, 10) == ()
        assert await sending.count(connection) == 1
        assert await sending.addresses_of(connection, [SHOP, "other.example"]) == {SHOP: ADDRESS}


async def test_a_domain_of_a_service_without_addresses_is_not_ours_any_more(
    database: Pool,
) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain=SHOP)
    await database.execute("UPDATE service_addresses SET valid = tstzrange(NULL, now())")
    async with database.acquire() as connection:
        assert await sending.domains(connection, None, 10) == ()


async def test_domains_come_in_one_order_whatever_the_language(database: Pool) -> None:
    await an_incident(database)
    for number, domain in enumerate(("a-b.example", "ab.example", "a.example", "xn--o-1.example")):
        await reported(database, f"more-{number}", domain=domain)
    found: list[str] = []
    async with database.acquire() as connection:
        while some := await sending.domains(connection, found[-1] if found else None, 1):
            found += some
    assert found == sorted(found)
    assert len(found) == 4


# --- what a request rests on -------------------------------------------------------------------


async def test_the_cause_is_what_was_reported_and_done(database: Pool) -> None:
    who = await an_incident(database)
    await reported(database, "r-2", volume=40)
    await imposed(database, who)
    await imposed(database, who, "m-2")
    await seen(database)
    async with database.acquire() as connection:
        found = await delisting.cause(connection, INCIDENT)
        with pytest.raises(LookupError):
            await delisting.cause(connection, "incident-none-1")
    assert (found.reports, found.volume, found.fixed_at) == (2, 41, None)
    assert [measure for measure, _ in found.measures] == ["hold_domain"]


async def test_a_listing_without_an_answer_of_its_own_has_what_the_incident_knows(
    database: Pool,
) -> None:
    await an_incident(database)
    await keep(database, (ADDRESS, "a-feed", "blocked"))
    async with database.acquire() as connection:
        [found] = await delisting.listings(connection, INCIDENT, "a-feed", [ADDRESS, SHOP])
    assert (found.subject, found.answer, found.evidence) == (ADDRESS, "blocked", "")


# --- requests ----------------------------------------------------------------------------------


async def test_a_request_is_written_once_and_answered_once(database: Pool) -> None:
    await an_incident(database)
    one = asked("k-1", ADDRESS, SHOP)
    async with transaction(database) as connection:
        for _ in range(2):
            await delisting.write(connection, INCIDENT, one)
        assert await delisting.filed(connection, INCIDENT) == (one,)
        await delisting.answered(connection, "k-1", taken=True, answer="250 ok")
        await delisting.answered(connection, "k-1", taken=False, answer="too late")
        [found] = await delisting.filed(connection, INCIDENT, 0, ZONE)
    assert (found.subjects, found.taken, found.answer) == ((ADDRESS, SHOP), True, "250 ok")


async def test_a_round_and_a_list_have_their_own_requests(database: Pool) -> None:
    await an_incident(database)
    async with transaction(database) as connection:
        for one in (asked("k-1"), asked("k-2", round=1), asked("k-3", zone="zen.example")):
            await delisting.write(connection, INCIDENT, one)
        of_round = await delisting.filed(connection, INCIDENT, 1, ZONE)
        assert [each.key for each in of_round] == ["k-2"]
        assert len(await delisting.filed(connection, INCIDENT)) == 3


# --- Microsoft ---------------------------------------------------------------------------------


async def test_a_day_is_kept_once_and_belongs_to_the_incident_that_was_open(
    database: Pool,
) -> None:
    await an_incident(database)
    async with transaction(database) as connection:
        await snds.keep(connection, [(a_day(), b"line")])
        again = [(a_day(trap_hits=9), b"read again"), (a_day("198.51.100.1"), b"x")]
        await snds.keep(connection, again)
        kept = await connection.fetch("SELECT body FROM evidence ORDER BY body")
        assert b"read again" not in [row["body"] for row in kept]
        assert await snds.of_incident(connection, INCIDENT) == (a_day(),)
        assert await snds.of_address(connection, "198.51.100.1") == (a_day("198.51.100.1"),)
    await closed(database, INCIDENT)
    await reported(database, "r-2")
    async with transaction(database) as connection:
        await snds.keep(connection, [(a_day(), b"line")])
        assert await snds.of_incident(connection, INCIDENT) == (a_day(),)
        assert await snds.of_incident(connection, "incident-vps-1-2") == ()


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("192.0.2.0", "192.0.2.255", ("192.0.2.7/32",)),
        (ADDRESS, ADDRESS, ("192.0.2.7/32",)),
        ("192.0.2.8", "192.0.2.9", ()),
        ("192.0.1.0", "192.0.2.6", ()),
    ],
)
async def test_of_a_range_our_own_prefixes_are_found(
    database: Pool, first: str, last: str, found: tuple[str, ...]
) -> None:
    await an_incident(database)
    async with database.acquire() as connection:
        assert await snds.ours(connection, [(first, last)]) == found
