"""The index that follows the database: what it answers is never older than what was committed."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Pool

from book.clientele import clients
from book.intake import attribution
from book.intake.attribution import Asked, Attribution, Followed
from domain.clientele.signed import Signed
from domain.intake.attribution import Place, unknown
from tests.book.provider import ADDRESS, a_clientele
from tests.domain.builders import a_contract, a_service

HERE, THERE = (f"{ADDRESS}/32",), ()


async def placed(
    pool: Pool, known: Attribution, address: str = ADDRESS, at: datetime | None = None
) -> str:
    """The service, or why there is none."""
    async with pool.acquire() as connection:
        [place] = await known.places(connection, [(address, at or datetime.now(UTC))])
    return place.service if isinstance(place, Place) else place


async def test_an_import_is_in_every_answer_after_it(database: Pool) -> None:
    known = Followed(database)  # told of nothing: it looks when it is asked
    assert await placed(database, known) == unknown(ADDRESS)
    for one, other, holder in ((HERE, THERE, "vps-1"), (THERE, HERE, "vps-2")) * 3:
        services = a_service(id="vps-1", addresses=one), a_service(id="vps-2", addresses=other)
        await clients.keep(database, a_clientele(*services))
        assert await placed(database, known) == holder


async def test_a_contract_that_ends_is_in_every_answer_after_it(database: Pool) -> None:
    known = Followed(database)
    await clients.keep(database, a_clientele())
    assert await placed(database, known) == "vps-1"
    ended = Signed(contract=a_contract(), valid_until=datetime.now(UTC) - timedelta(hours=1))
    await clients.keep(database, a_clientele(contracts=(ended,)))
    assert "no contract in force" in await placed(database, known)


async def test_it_reads_only_what_has_changed(
    database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Followed(database)
    await clients.keep(database, a_clientele())
    await placed(database, known)
    # From here on, it would not find what it cannot read anew.
    monkeypatch.setattr(attribution, "_read", None)
    await clients.keep(database, a_clientele(a_service(addresses=("192.0.2.8/32",))))
    assert await placed(database, known, "192.0.2.8") == "vps-1"
    assert await placed(database, known) == unknown(ADDRESS)
    assert len(known) == 2  # it was somebody's, and mail of then may still be reported


@pytest.mark.parametrize(("name", "most"), [("_MOST_CHANGES", 0), ("_CHANGES_KEPT", 0)])
async def test_too_many_changes_are_read_anew(
    database: Pool, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    known = Followed(database)
    await clients.keep(database, a_clientele())
    await placed(database, known)
    monkeypatch.setattr(attribution, name, most)
    await clients.keep(database, a_clientele(a_service(addresses=("192.0.2.8/32",))))
    assert await placed(database, known, "192.0.2.8") == "vps-1"


async def test_the_same_file_again_is_no_change(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    before = await database.fetchval("SELECT revision FROM attribution")
    await clients.keep(database, a_clientele())
    assert await database.fetchval("SELECT revision FROM attribution") == before


async def test_it_is_told_before_it_is_asked(database: Pool) -> None:
    known = Followed(database)
    async with known.running():
        await clients.keep(database, a_clientele())
        async with asyncio.timeout(10):
            while not len(known):  # noqa: ASYNC110 - another connection's notification
                await asyncio.sleep(0.01)


async def test_an_import_that_is_not_committed_is_in_no_answer(database: Pool) -> None:
    known = Followed(database)
    await clients.keep(database, a_clientele())
    async with database.acquire() as connection:
        importing = connection.transaction()
        await importing.start()
        await connection.execute("UPDATE service_addresses SET valid = tstzrange(NULL, now())")
        assert await placed(database, known) == "vps-1"
        await importing.rollback()
    assert await placed(database, known) == "vps-1"


async def test_the_index_and_the_database_answer_the_same(database: Pool) -> None:
    """Random moves of nested prefixes among three services, at random moments."""
    chance = random.Random(5)
    prefixes = ("192.0.2.0/24", "192.0.2.0/26", "192.0.2.4/30", "192.0.2.5/32", "2001:db8::/48",
                "2001:db8::/64", "2001:db8::5/128")  # fmt: skip
    known = Followed(database)
    began = datetime.now(UTC)
    for _ in range(12):
        of = {prefix: chance.randrange(4) for prefix in prefixes}
        services = (
            a_service(id=f"vps-{n}", addresses=tuple(p for p in prefixes if of[p] == n))
            for n in range(3)
        )
        await clients.keep(database, a_clientele(*services))
        took = datetime.now(UTC) - began
        mails = [
            (address, began - took / 10 + took * chance.random() * 1.2)
            for address in ("192.0.2.5", "192.0.2.6", "192.0.2.99", "2001:db8::5", "2001:db8::6")
            for _ in range(4)
        ]
        async with database.acquire() as connection:
            assert await known.places(connection, mails) == await Asked().places(connection, mails)


async def test_a_book_that_was_restored_from_a_backup_is_read_anew(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    before = await database.fetchval("SELECT revision FROM attribution")
    known = Followed(database)
    await clients.keep(database, a_clientele(a_service(addresses=("192.0.2.8/32",))))
    assert await placed(database, known) == unknown(ADDRESS)
    await database.execute("ALTER TABLE service_addresses DISABLE TRIGGER attribution_changed")
    await database.execute("DELETE FROM service_addresses WHERE address = '192.0.2.8'")
    await database.execute("UPDATE service_addresses SET valid = tstzrange(NULL, NULL)")
    await database.execute("UPDATE attribution SET revision = $1", before)
    await known.catch_up()
    assert await placed(database, known) == "vps-1"
