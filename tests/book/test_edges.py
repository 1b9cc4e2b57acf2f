"""Which firewall gets an address's rule, and what several of them come to together."""

from dataclasses import replace

import pytest
from asyncpg import Pool

from book.clientele import clients, roster
from book.database import transaction
from book.incident import measures
from domain.clientele.file import Host
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from tests.book.provider import a_clientele, an_incident, imposed, seen

GUARDS = {
    "edge-wide": ("192.0.2.0/24", "2001:db8::/32"),
    "edge-a": ("192.0.2.0/28", "198.51.100.0/24"),
    "edge-b": ("192.0.2.0/28",),
    "edge-all": (),
    "edge-new": ("192.0.2.7/32",),
}
"""The last one has no key yet."""


def a_block(*addresses: str) -> Restriction:
    return Restriction(measure=Measure.BLOCK_PORT25, scope=Scope.ADDRESS, targets=addresses)


async def edges(pool: Pool, *names: str) -> None:
    hosts = tuple(Host(id=name, edge=True, guards=GUARDS[name]) for name in names)
    await clients.keep(pool, replace(a_clientele(), hosts=(*a_clientele().hosts[:2], *hosts)))
    async with transaction(pool) as connection:
        for name in names:
            if name != "edge-new":
                await measures.enrol(connection, name)


async def aimed(pool: Pool, *names: str) -> dict[str, tuple[str, ...]]:
    """Targets by the edge that has them."""
    found = {}
    async with pool.acquire() as connection:
        for name in names:
            for each in (await measures.desired(connection, name)).measures:
                found[name] = each.restriction.targets
    return found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", {"edge-a", "edge-b"}),
        ("192.0.2.200", {"edge-wide"}),
        ("2001:db8::7", {"edge-wide"}),
        ("198.51.100.9", {"edge-a"}),
        ("203.0.113.9", {"edge-all"}),
    ],
)
async def test_the_longest_prefix_decides_and_a_pair_gets_it_both(
    database: Pool, address: str, expected: set[str]
) -> None:
    who = await an_incident(database)
    await edges(database, *GUARDS)
    assert await imposed(database, who, restriction=a_block(address)) is None
    assert await aimed(database, *GUARDS) == dict.fromkeys(expected, (address,))


async def test_an_address_that_nobody_guards_is_refused_by_name(database: Pool) -> None:
    who = await an_incident(database)
    await edges(database, "edge-wide", "edge-new")
    why = await imposed(database, who, restriction=a_block("192.0.2.7", "203.0.113.9"))
    assert why is not None
    assert "guards 203.0.113.9;" in why
    assert await aimed(database, "edge-wide") == {}


async def test_each_edge_hears_of_its_own_addresses_only(database: Pool) -> None:
    who = await an_incident(database)
    await edges(database, "edge-wide", "edge-a")
    await imposed(database, who, restriction=a_block("192.0.2.200", "192.0.2.7"))
    assert await aimed(database, "edge-wide", "edge-a") == {
        "edge-wide": ("192.0.2.200",), "edge-a": ("192.0.2.7",),
    }  # fmt: skip
    assert not await seen(database, host="edge-all")


async def observed(pool: Pool) -> tuple[str | None, str]:
    row = await pool.fetchrow("SELECT observed, detail FROM measures")
    return row["observed"], row["detail"]


async def test_a_measure_of_a_pair_holds_once_both_have_said_so_and_ends_likewise(
    database: Pool,
) -> None:
    who = await an_incident(database)
    await edges(database, "edge-a", "edge-b")
    await imposed(database, who, restriction=a_block("192.0.2.7"))
    await seen(database, host="edge-a", detail="3 dropped")
    assert await observed(database) == (None, "")
    await seen(database, host="edge-b", detail="none dropped")
    assert await observed(database) == ("applied", "edge-a: 3 dropped; edge-b: none dropped")
    await seen(database, host="edge-b", observed=Observed.FAILED, detail="nft is gone")
    assert await observed(database) == ("failed", "edge-a: 3 dropped; edge-b: nft is gone")
    await seen(database, host="edge-b", detail="back")
    revisions = "SELECT id, revision FROM hosts WHERE guards <> '{}' ORDER BY id"
    before = await database.fetch(revisions)
    async with transaction(database) as connection:
        await measures.lift(connection, who.incident, ("m-1",))
    assert all(a["revision"] < b["revision"] for a, b in
               zip(before, await database.fetch(revisions), strict=True))  # fmt: skip
    await seen(database, host="edge-a", observed=Observed.LIFTED)
    assert (await observed(database))[0] == "applied"
    assert (await aimed(database, "edge-a", "edge-b")).keys() == {"edge-b"}
    await seen(database, host="edge-b", observed=Observed.LIFTED)
    assert (await observed(database))[0] == "lifted"


async def test_what_an_edge_guards_is_in_the_book_and_no_change_the_next_time(
    database: Pool,
) -> None:
    await an_incident(database)
    await edges(database, *GUARDS)
    async with transaction(database) as connection:
        standing = (await roster.standing(connection)).clientele
    assert {each.id: each.guards for each in standing.hosts if each.edge} == {
        "edge-1": (), **GUARDS,
    }  # fmt: skip
    assert await roster.rehearse(database, standing) == ()
