"""Bringing the book to what another program lists: shown first, then all at once."""

import asyncio
from dataclasses import replace

import pytest
from asyncpg import Pool

from book.clientele import clients, roster
from book.clientele.clients import ContractInUse
from book.intake import intake
from domain.clientele.changes import Change, How
from domain.clientele.file import read_clientele
from domain.clientele.listed import Listed
from domain.clientele.signed import Signed
from domain.clientele.syncing import Resolved
from domain.clientele.understood import understand
from domain.units import Hours
from tests.book.provider import a_clientele, a_report, an_incident, closed, until_one_waits
from tests.book.test_clients import EXAMPLE, everything
from tests.domain.builders import a_contract, a_service
from tests.domain.sources import a_server, a_source, listed

SOURCE = a_source()
ADDRESS = "192.0.2.31"


async def synced(pool: Pool, *some: Listed, apply: bool = True) -> Resolved:
    return await roster.sync(pool, SOURCE, understand(SOURCE, some or [listed()]), apply=apply)


async def reported(pool: Pool) -> str:
    accepted = await intake.accept(pool, a_report("r-1", ADDRESS))
    [incident] = accepted.incidents
    return incident


async def holders(pool: Pool) -> dict[str, list[str]]:
    rows = await pool.fetch(
        "SELECT service, array_agg(text(address) ORDER BY address) AS addresses"
        " FROM service_addresses WHERE upper_inf(valid) GROUP BY service"
    )
    return {row["service"]: row["addresses"] for row in rows}


async def test_a_sync_that_is_only_shown_changes_nothing(database: Pool) -> None:
    before = await everything(database)
    shown = await synced(database, apply=False)
    assert await everything(database) == before
    assert (await synced(database)).changes == shown.changes
    assert await holders(database) == {"billing-31": [f"{ADDRESS}/32"]}


async def test_the_same_again_changes_nothing(database: Pool) -> None:
    await synced(database)
    before = await everything(database)
    assert (await synced(database)).changes == ()
    assert await everything(database) == before


async def test_what_is_gone_gives_up_its_addresses_and_host_and_stays_on_record(
    database: Pool,
) -> None:
    await synced(database, listed("17", a_server()), listed("18", a_server("32")))
    found = await synced(database, listed("17", a_server()))
    assert found.gone == ("billing-32",)
    assert list(await holders(database)) == ["billing-31"]
    assert await database.fetchval("SELECT host FROM services WHERE id = 'billing-32'") is None
    assert await database.fetchval("SELECT count(*) FROM service_addresses") == 2
    assert (await synced(database, listed("17", a_server()))).changes == ()
    back = await synced(database, listed("17", a_server()), listed("18", a_server("32")))
    assert [(each.how, each.id) for each in back.changes] == [(How.CHANGED, "billing-32")]
    assert set(await holders(database)) == {"billing-31", "billing-32"}


async def test_what_a_person_added_of_a_client_stays(database: Pool) -> None:
    await synced(database)
    await database.execute(
        "UPDATE clients SET channels = '{json://chat.example}', billing_backend = 'ledger',"
        " billing_id = '4'"
    )
    assert (await synced(database)).changes == ()
    assert await database.fetchval("SELECT channels FROM clients") == ["json://chat.example"]


async def test_an_open_incident_keeps_what_it_needs_until_it_is_closed(database: Pool) -> None:
    await synced(database, listed("17", a_server()), listed("18", a_server("32")))
    incident = await reported(database)
    held = await synced(database, listed("18", a_server("32", addresses=("192.0.2.32", ADDRESS))))
    assert await holders(database) == {
        "billing-31": [f"{ADDRESS}/32"], "billing-32": ["192.0.2.32/32"],
    }  # fmt: skip
    assert [each.held for each in held.changes] == [
        f"it stays with billing-31 until {incident} is closed", f"until {incident} is closed",
    ]  # fmt: skip
    assert await closed(database, incident)
    await synced(database, listed("18", a_server("32", addresses=("192.0.2.32", ADDRESS))))
    assert await holders(database) == {"billing-32": [f"{ADDRESS}/32", "192.0.2.32/32"]}


async def test_an_incident_that_opens_meanwhile_is_seen_or_finds_all_done(database: Pool) -> None:
    await synced(database)
    async with database.acquire() as other, other.transaction():
        await other.execute(
            "INSERT INTO incidents (id, service, number, client, contract)"
            " VALUES ('incident-billing-31-1', 'billing-31', 1, 'billing-17', 'billing-17-managed')"
        )
        sync = asyncio.create_task(synced(database, listed("18", a_server("32"))))
        await until_one_waits(database, sync)
        assert not sync.done()
    found = await sync
    assert found.gone == ()
    assert (await holders(database))["billing-31"] == [f"{ADDRESS}/32"]


async def test_syncs_and_reports_at_once_end(database: Pool) -> None:
    await synced(database)
    other = [listed("17", a_server()), listed("18", a_server("32"))]
    tasks = [
        *(synced(database, *(other if n % 2 else other[:1])) for n in range(6)),
        *(intake.accept(database, a_report(f"r-{n}", ADDRESS, "192.0.2.32", "203.0.113.99"))
          for n in range(12)),
    ]  # fmt: skip
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    assert await database.fetchval("SELECT count(*) FROM reports") == 36
    assert (await holders(database))["billing-31"] == [f"{ADDRESS}/32"]


async def test_reports_that_waited_join_with_the_sync_that_brings_their_address(
    database: Pool,
) -> None:
    accepted = await intake.accept(database, a_report("r-1", ADDRESS))
    assert accepted.incidents == ()
    await synced(database, apply=False)
    assert await database.fetchval("SELECT count(*) FROM incidents") == 0
    await synced(database)
    assert await database.fetchval("SELECT service FROM incidents") == "billing-31"


# --- importing a file -----------------------------------------------------------------------------


async def test_an_import_is_shown_before_it_is_made(database: Pool) -> None:
    clientele = read_clientele(EXAMPLE.read_text())
    before = await everything(database)
    shown = await roster.rehearse(database, clientele)
    assert await everything(database) == before
    assert {each.how for each in shown} == {How.NEW}
    await clients.keep(database, clientele)
    assert await roster.rehearse(database, clientele) == ()


async def test_an_address_that_moves_is_shown_on_both_sides(database: Pool) -> None:
    await clients.keep(database, a_clientele(a_service(addresses=("192.0.2.7/32",))))
    moved = a_clientele(a_service(id="vps-2", addresses=("192.0.2.7/32",)))
    assert await roster.rehearse(database, moved) == (
        Change(how=How.NEW, what="service", id="vps-2",
               detail="managed_vps, mx1.provider.example, 192.0.2.7/32"),
        Change(how=How.CHANGED, what="service", id="vps-1", detail="- 192.0.2.7/32"),
    )  # fmt: skip


async def test_an_import_that_would_be_refused_is_refused_when_shown(database: Pool) -> None:
    await an_incident(database)
    shorter = replace(a_contract(), deadline=Hours.parse("1h"))
    with pytest.raises(ContractInUse, match="incident-vps-1-1"):
        await roster.rehearse(database, a_clientele(contracts=(Signed(contract=shorter),)))
