"""What tests of billing share: entries of the ledger, and how their delivery stands."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from asyncpg import Pool

from book.database import transaction
from book.incident.incidents import Parties
from book.money import ledger
from domain.money.costs import ChargeKind, Unit
from domain.money.ledger import Entry, EntryKind
from domain.units import Money


def an_entry(who: Parties, number: int = 1, amount: str = "25.00 EUR") -> Entry:
    """A charge of an incident."""
    money = Money.parse(amount)
    return Entry(
        key=f"{who.incident}/delisting/{number}",
        entry=EntryKind.CHARGE,
        of=None,
        incident=who.incident,
        client=who.client.id,
        contract=who.contract.id,
        clause="7.3",
        kind=ChargeKind.DELISTING,
        quantity=Decimal(1),
        unit=Unit.INCIDENT,
        unit_price=money.amount,
        amount=money,
        reason="the first delisting",
        by="plazo",
        evidence=(),
        entered_at=datetime.now(UTC),
    )


async def charged(
    pool: Pool,
    who: Parties,
    number: int = 1,
    amount: str = "25.00 EUR",
    kind: str = "delisting",
    quantity: str = "1",
) -> Entry:
    """A charge that has been entered."""
    ordinary = an_entry(who, number, amount)
    entry = replace(ordinary, kind=ChargeKind(kind), quantity=Decimal(quantity))
    async with transaction(pool) as connection:
        assert await ledger.enter_charge(connection, entry)
    return entry


async def taken_back(
    pool: Pool, charge: Entry, amount: str | None = None, name: str = "credit/1"
) -> str:
    """A credit of an amount, or a void of all of it; its key."""
    key = f"{charge.key}/{name if amount else 'void'}"
    kind = EntryKind.CREDIT if amount else EntryKind.VOID
    async with transaction(pool) as connection:
        left = await connection.fetchval("SELECT ledger_left($1)", charge.key)
        back = Decimal(amount) if amount else left
        await ledger.take_back(connection, key, kind, charge.key, back, "ana", "goodwill")
    return key


async def disputed(pool: Pool, charge: Entry) -> None:
    await pool.execute(
        "INSERT INTO disputes (key, charge, opened_by, why) VALUES ($1 || '/dispute/1', $1, 'ana',"
        " 'they say that they were not listed')",
        charge.key,
    )


async def settled(pool: Pool, charge: Entry) -> None:
    await pool.execute(
        "UPDATE disputes SET settled_by = 'ana', settlement = 'upheld', settled_why = 'they were',"
        " settled_at = now() WHERE charge = $1",
        charge.key,
    )


async def billed_by(pool: Pool, backend: str | None, account: str | None = None) -> None:
    """Where the one client is billed."""
    await pool.execute("UPDATE clients SET billing_backend = $1, billing_id = $2", backend, account)


@dataclass(frozen=True, kw_only=True)
class Stands:
    """How one delivery stands."""

    state: str
    far_id: str | None
    error: str | None
    attempts: int
    unsure: bool


async def stands(pool: Pool, key: str) -> Stands:
    row = await pool.fetchrow(
        "SELECT state, far_id, error, attempts, unsure FROM billing_deliveries WHERE entry = $1",
        key,
    )
    return Stands(**dict(row))


async def open_tasks(pool: Pool) -> list[str]:
    rows = await pool.fetch(
        "SELECT detail FROM tasks WHERE kind = 'billing_refused' AND done_at IS NULL ORDER BY key"
    )
    return [row["detail"] for row in rows]


async def told(pool: Pool, incident: str) -> list[str]:
    """What the incident's chain says of deliveries: `started 1`, `done 1`, `failed 1`."""
    rows = await pool.fetch(
        "SELECT body::jsonb AS body FROM audit WHERE incident = $1"
        " AND source LIKE 'billing/%' ORDER BY seq",
        incident,
    )
    return [
        f"{row['body'].get('outcome', row['body'].get('phase', row['body']['kind']))}"
        f" {row['body'].get('attempt', '')}".strip()
        for row in rows
    ]


async def entry_of(pool: Pool, key: str) -> Entry:
    """An entry that was made before."""
    async with pool.acquire() as connection:
        [entry] = await ledger.entries(connection, key=key)
    return entry
