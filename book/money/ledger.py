"""The ledger: entered once by key, taken back by name, and never changed. Sums are of its rows.

What an incident owes is reckoned in book/money/bills.py, what people take back is in
book/money/corrections.py and what is shown in book/money/balances.py. The database holds the rules
whoever writes (infra/migrations/0011.ledger.sql); what it refuses is Refused here.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
from asyncpg import Connection, Record

from domain.money.costs import ChargeKind, Evidence, EvidenceKind, Unit
from domain.money.ledger import Entry, EntryKind
from domain.units import Money

PROGRAM = "plazo"
"""Who enters what the program finds due."""


class Refused(ValueError):
    """The ledger does not take it; the message says why."""


async def lock(connection: Connection, incident: str, contract: str) -> None:
    """One incident's entries are made one at a time, and one contract's: two attempts to charge, a
    charge and a waiver, two incidents under one cap. The database takes the same locks.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 2)),"
        " pg_advisory_xact_lock(hashtextextended($2, 4))",
        incident,
        contract,
    )


async def lock_incident(connection: Connection, incident: str) -> None:
    """The same, where only the incident is known. Raises LookupError when there is none."""
    contract = await connection.fetchval("SELECT contract FROM incidents WHERE id = $1", incident)
    if contract is None:
        raise LookupError(f"there is no incident {incident}")
    await lock(connection, incident, contract)


@asynccontextmanager
async def _refusing() -> AsyncIterator[None]:
    try:
        yield
    except asyncpg.CheckViolationError as error:
        raise Refused(str(error)) from error


async def enter_charge(
    connection: Connection, entry: Entry, before_cap: Money | None = None
) -> bool:
    """Enter a charge; False when it has been entered before. `before_cap` is what a cap has cut.

    Raises Refused. Its moment is the database's, whatever the entry says.
    """
    async with _refusing():
        entered = await connection.fetchval(
            "INSERT INTO ledger (key, entry, incident, client, contract, clause, kind, quantity,"
            " unit, unit_price, amount, before_cap, currency, reason, by, evidence)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            " ON CONFLICT (key) DO NOTHING RETURNING key",
            entry.key,
            entry.entry,
            entry.incident,
            entry.client,
            entry.contract,
            entry.clause,
            entry.kind,
            entry.quantity,
            entry.unit,
            entry.unit_price,
            entry.amount.amount,
            None if before_cap is None else before_cap.amount,
            entry.amount.currency,
            entry.reason,
            entry.by,
            [{"what": each.what, "ref": each.ref} for each in entry.evidence],
        )
    return entered is not None


async def take_back(
    connection: Connection, key: str, kind: EntryKind, charge: str, amount: Decimal, by: str,
    why: str,
) -> None:  # fmt: skip
    """Enter a credit or a void of a positive amount."""
    async with _refusing():
        await connection.execute(
            "INSERT INTO ledger (key, entry, of, incident, client, contract, clause, kind,"
            " quantity, unit, unit_price, amount, currency, reason, by)"
            " SELECT $1, $2, key, incident, client, contract, clause, kind, -1, $3, $4::numeric,"
            " -$4::numeric, currency, $5, $6 FROM ledger WHERE key = $7 AND entry = 'charge'"
            " ON CONFLICT (key) DO NOTHING",
            key,
            kind,
            Unit.ADJUSTMENT,
            amount,
            why,
            by,
            charge,
        )


async def entries(
    connection: Connection,
    *,
    key: str | None = None,
    client: str | None = None,
    incident: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> tuple[Entry, ...]:
    """Entries in the order in which they were made; all that are asked for, or the first `limit`
    whose number is beyond `after`.
    """
    rows = await connection.fetch(
        "SELECT * FROM ledger WHERE ($1::text IS NULL OR key = $1)"
        " AND ($2::text IS NULL OR client = $2) AND ($3::text IS NULL OR incident = $3)"
        " AND number > $4 ORDER BY number LIMIT $5",
        key,
        client,
        incident,
        after,
        limit,
    )
    return tuple(map(entry_of, rows))


async def number_of(connection: Connection, key: str) -> int:
    """Where an entry stands in the order in which they were made. Raises LookupError."""
    number = await connection.fetchval("SELECT number FROM ledger WHERE key = $1", key)
    if number is None:
        raise LookupError(f"there is no entry {key}")
    return int(number)


def entry_of(row: Record) -> Entry:
    """An entry from a row that has the ledger's columns."""
    return Entry(
        key=row["key"],
        entry=EntryKind(row["entry"]),
        of=row["of"],
        incident=row["incident"],
        client=row["client"],
        contract=row["contract"],
        clause=row["clause"],
        kind=ChargeKind(row["kind"]),
        quantity=row["quantity"],
        unit=row["unit"],
        unit_price=row["unit_price"],
        amount=Money.of(row["amount"], row["currency"]),
        reason=row["reason"],
        by=row["by"],
        evidence=tuple(_evidence(row["evidence"])),
        entered_at=row["entered_at"],
    )


def _evidence(given: Iterable[dict[str, str]]) -> Iterable[Evidence]:
    for each in given:
        yield Evidence(what=EvidenceKind(each["what"]), ref=each["ref"])
