"""What tests of the ledger share: a contract's prices, bills, and what the ledger says."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from asyncpg import Pool

from book.clientele import clients
from book.database import transaction
from book.incident import measures
from book.incident.incidents import Parties
from book.money import bills, corrections
from domain.clientele.signed import Signed
from domain.ladder import Term
from domain.money.costs import ChargeKind, Room
from tests.book.provider import a_clientele, parties_of, reported
from tests.domain.builders import PRICES, a_contract


async def an_incident_priced(pool: Pool, **prices: Any) -> Parties:
    """An open incident under a contract whose prices are others."""
    contract = a_contract(prices=replace(PRICES, **prices))
    await clients.keep(pool, a_clientele(contracts=(Signed(contract=contract),)))
    async with transaction(pool) as connection:
        await measures.enrol(connection, "mx1.provider.example")
    return await parties_of(pool, await reported(pool))


async def billed(pool: Pool, who: Parties, *accepted: Term) -> tuple[str, ...]:
    async with transaction(pool) as connection:
        return await bills.charge(connection, who, accepted)


async def near(pool: Pool, who: Parties, *accepted: Term) -> tuple[Room, ...]:
    async with transaction(pool) as connection:
        return await bills.near_caps(connection, who, accepted)


async def charged_only(pool: Pool, who: Parties, kind: ChargeKind) -> tuple[str, ...]:
    async with transaction(pool) as connection:
        return await bills.charge_only(connection, who, kind)


async def waived(pool: Pool, who: Parties, kind: ChargeKind = ChargeKind.DELISTING) -> None:
    async with transaction(pool) as connection:
        await corrections.waive(connection, who.incident, kind, "ana", "goodwill")


async def voided(pool: Pool, who: Parties) -> None:
    async with transaction(pool) as connection:
        await measures.lift_for_good(connection, who.incident)
        await corrections.void(connection, who.incident, "plazo", "it was no spam")


async def on_ledger(pool: Pool) -> list[tuple[str, str, str]]:
    """Each charge: kind, what it was made for, and what is to become of it."""
    rows = await pool.fetch("SELECT kind, amount, state FROM charges ORDER BY key")
    return [(row["kind"], str(row["amount"]), row["state"]) for row in rows]


async def balance(pool: Pool, incident: str) -> str:
    return str(
        await pool.fetchval(
            "SELECT coalesce(sum(amount), 0) FROM ledger WHERE incident = $1", incident
        )
    )


def kinds_of(entries: Sequence[tuple[str, str, str]]) -> list[str]:
    return [kind for kind, _, _ in entries]
