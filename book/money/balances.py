"""What the ledger comes to: charges as they stand, and balances. All of it is sums of entries."""

from datetime import datetime

from asyncpg import Connection

from book.money.ledger import entry_of
from domain.letters.notices import ChargeState
from domain.money.costs import Settlement
from domain.money.ledger import Balance, Dispute, Entry, Standing
from domain.units import Money


async def charges(
    connection: Connection,
    *,
    client: str | None = None,
    incident: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    state: ChargeState | None = None,
    before: str | None = None,
    limit: int | None = None,
) -> tuple[Standing, ...]:
    """Charges with what is left of them, in the order in which they were made.

    `until` is the first moment that is no longer looked at. Of more than `limit`, the latest; of
    those before the charge `before`, where one is named.
    """
    rows = await connection.fetch(
        "SELECT * FROM charges WHERE ($1::text IS NULL OR client = $1)"
        " AND ($2::text IS NULL OR incident = $2)"
        " AND ($3::timestamptz IS NULL OR entered_at >= $3)"
        " AND ($4::timestamptz IS NULL OR entered_at < $4)"
        " AND ($5::text IS NULL OR state = $5) AND ($7::text IS NULL"
        "   OR number < (SELECT number FROM ledger WHERE key = $7))"
        " ORDER BY number DESC LIMIT $6",
        client,
        incident,
        since,
        until,
        state,
        limit,
        before,
    )
    return tuple(
        Standing(
            charge=entry_of(row),
            left=Money.of(row["remains"], row["currency"]),
            state=ChargeState(row["state"]),
            by=row["state_by"],
            why=row["state_why"],
        )
        for row in reversed(rows)
    )


async def entries_between(
    connection: Connection, since: datetime | None, until: datetime | None
) -> tuple[Entry, ...]:
    """Every entry made within a time, in order. `until` is the first moment after it."""
    rows = await connection.fetch(
        "SELECT * FROM ledger WHERE ($1::timestamptz IS NULL OR entered_at >= $1)"
        " AND ($2::timestamptz IS NULL OR entered_at < $2) ORDER BY number",
        since,
        until,
    )
    return tuple(map(entry_of, rows))


async def balances(connection: Connection, client: str) -> tuple[Balance, ...]:
    """A client's balance in each currency, then that of each of its incidents.

    Raises LookupError when there is no such client.
    """
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM clients WHERE id = $1)", client):
        raise LookupError(f"there is no client {client}")
    rows = await connection.fetch(
        "SELECT b.*, (SELECT coalesce(sum(c.remains), 0) FROM charges c WHERE c.client = b.client"
        "   AND c.currency = b.currency AND c.state = 'disputed'"
        "   AND (b.incident IS NULL OR c.incident = b.incident)) AS disputed"
        " FROM balances b WHERE b.client = $1 ORDER BY b.incident NULLS FIRST, b.currency",
        client,
    )
    return tuple(
        Balance(
            client=row["client"],
            incident=row["incident"],
            **{
                name: Money.of(row[name], row["currency"])
                for name in ("charged", "credited", "voided", "balance", "disputed")
            },
        )
        for row in rows
    )


async def disputes(connection: Connection, charge: str) -> tuple[Dispute, ...]:
    """A charge's disputes, the oldest first."""
    rows = await connection.fetch(
        "SELECT * FROM disputes WHERE charge = $1 ORDER BY opened_at, key", charge
    )
    return tuple(
        Dispute(**dict(row) | {"settlement": row["settlement"] and Settlement(row["settlement"])})
        for row in rows
    )
