"""Importing a clientele: all or nothing, any number of times, history kept."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asyncpg import Pool

from book.clientele import clients
from book.clientele.clients import ContractInUse, NotTheirs, Overlap
from domain.clientele.file import Clientele, read_clientele
from domain.clientele.signed import Signed
from domain.units import Hours
from tests.book.provider import ADDRESS, a_clientele, an_incident
from tests.domain.builders import a_client, a_contract, a_service

EXAMPLE = Path(__file__).parents[2] / "docs" / "example.yaml"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)


async def everything(pool: Pool) -> list[list[object]]:
    """All that an import writes."""
    tables = ("hosts", "clients", "contracts", "services", "service_addresses")
    return [await pool.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


async def holders(pool: Pool, address: str = f"{ADDRESS}/32") -> list[tuple[str, bool, bool]]:
    """Who had an address, the first holder first, and whether it had a beginning and an end."""
    rows = await pool.fetch(
        "SELECT service, valid FROM service_addresses WHERE address = $1::cidr ORDER BY valid",
        address,
    )
    return [(row["service"], row["valid"].lower is not None, row["valid"].upper is not None)
            for row in rows]  # fmt: skip


async def test_the_same_file_twice_changes_nothing(database: Pool) -> None:
    clientele = read_clientele(EXAMPLE.read_text())
    first = await clients.keep(database, clientele)
    kept = await everything(database)
    assert await clients.keep(database, clientele) == first
    assert await everything(database) == kept
    assert first.addresses == await database.fetchval("SELECT count(*) FROM service_addresses")


async def test_the_same_file_at_once_is_kept_once(database: Pool) -> None:
    clientele = a_clientele()
    await clients.keep(database, clientele)
    moved = a_clientele(a_service(addresses=("192.0.2.8/32", "192.0.2.9/32")))
    await asyncio.gather(*(clients.keep(database, moved) for _ in range(4)))
    assert await holders(database, "192.0.2.8/32") == [("vps-1", False, False)]
    assert await holders(database) == [("vps-1", False, True)]


async def test_an_address_moves_to_another_service_and_back(database: Pool) -> None:
    here, there = (f"{ADDRESS}/32",), ()
    for one, other in ((here, there), (there, here), (here, there)):
        services = a_service(id="vps-1", addresses=one), a_service(id="vps-2", addresses=other)
        await clients.keep(database, a_clientele(*services))
    assert await holders(database) == [
        ("vps-1", False, True),
        ("vps-2", True, True),
        ("vps-1", True, False),
    ]
    valid = await database.fetch("SELECT valid FROM service_addresses ORDER BY valid")
    assert [each["valid"].upper for each in valid[:2]] == [
        each["valid"].lower for each in valid[1:]
    ]


async def test_a_service_that_the_file_does_not_name_keeps_its_addresses(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    other = a_service(id="vps-2", addresses=("192.0.2.8/32",))
    await clients.keep(database, a_clientele(other))
    assert await holders(database) == [("vps-1", False, False)]


async def test_terms_that_an_incident_was_decided_on_stay(database: Pool) -> None:
    await an_incident(database)
    kept = await everything(database)
    shorter = (Signed(contract=a_contract(deadline=Hours.parse("1h"))),)
    with pytest.raises(ContractInUse, match=r"c-1: incident-vps-1-1 .* new id"):
        await clients.keep(database, a_clientele(contracts=shorter))
    assert await everything(database) == kept


async def test_terms_that_nothing_was_decided_on_may_change(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    shorter = (Signed(contract=a_contract(deadline=Hours.parse("1h"))),)
    await clients.keep(database, a_clientele(contracts=shorter))
    terms = await database.fetchval("SELECT terms FROM contracts")
    assert terms["deadline"] == {"seconds": 3_600}


async def test_a_contract_in_use_may_end_and_the_next_begin(database: Pool) -> None:
    await an_incident(database)
    old = Signed(contract=a_contract(), valid_until=JULY)
    new = Signed(contract=a_contract(id="c-2", deadline=Hours.parse("1h")), valid_from=JULY)
    # Whichever the file names first.
    await clients.keep(database, a_clientele(contracts=(new, old)))
    rows = await database.fetch("SELECT id, valid FROM contracts ORDER BY id")
    assert [(row["id"], row["valid"].lower, row["valid"].upper) for row in rows] == [
        ("c-1", None, JULY),
        ("c-2", JULY, None),
    ]


async def test_neighbouring_contracts_may_both_move(database: Pool) -> None:
    first, second = a_contract(), a_contract(id="c-2")
    for border in (JULY, NEW_YEAR, JULY):
        contracts = (
            Signed(contract=second, valid_from=border),
            Signed(contract=first, valid_until=border),
        )
        await clients.keep(database, a_clientele(contracts=contracts))
        contracts = contracts[::-1]
        await clients.keep(database, a_clientele(contracts=contracts))
    assert await database.fetchval("SELECT count(*) FROM contracts") == 2


async def test_a_file_that_overlaps_with_the_book_is_refused_whole(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    kept = await everything(database)
    clashing = a_clientele(
        a_service(id="vps-9", addresses=("192.0.2.9/32",)),
        contracts=(Signed(contract=a_contract(id="c-9"), valid_from=JULY),),
    )
    clashing = replace(clashing, clients=(replace(clashing.clients[0], name="Another name"),))
    with pytest.raises(Overlap, match="aurora"):
        await clients.keep(database, clashing)
    assert await everything(database) == kept


async def test_a_service_with_an_incident_stays_its_clients(database: Pool) -> None:
    await an_incident(database)
    before = await everything(database)
    other = replace(a_client(), id="bruma")
    moved = Clientele(
        hosts=(), clients=(other,), services=(replace(a_service(), client="bruma"),),
        contracts=(Signed(contract=replace(a_contract(), id="c-9", client="bruma")),),
    )  # fmt: skip
    with pytest.raises(NotTheirs, match=r"incident-vps-1-1 is client aurora's; give what bruma"):
        await clients.keep(database, moved)
    assert await everything(database) == before
