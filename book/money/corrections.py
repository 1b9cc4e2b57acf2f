"""What people do to the ledger: waive, credit, void, dispute, settle; by name, with a reason."""

from asyncpg import Connection, Record

from book.money.ledger import Refused, lock, lock_incident, take_back
from domain.money.costs import ChargeKind, Settlement
from domain.money.ledger import Dispute, EntryKind
from domain.units import Money


async def waive(connection: Connection, incident: str, kind: ChargeKind, by: str, why: str) -> None:
    """Forgive one kind of charge, made or still to be made. Raises LookupError."""
    await lock_incident(connection, incident)
    await connection.execute(
        "INSERT INTO waivers (incident, kind, by, why) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        incident,
        kind,
        by,
        why,
    )
    await forgive(connection, incident)


async def forgive(connection: Connection, incident: str) -> None:
    """Credit what is left of every charge that a person has waived. The ledger is locked."""
    rows = await connection.fetch(
        "SELECT c.key, c.remains, w.by, w.why FROM charges c"
        " JOIN waivers w ON w.incident = c.incident AND w.kind = c.kind"
        " WHERE c.incident = $1 AND c.remains > 0 AND c.state <> 'voided' ORDER BY c.number",
        incident,
    )
    for row in rows:
        await take_back(
            connection, f"{row['key']}/waived", EntryKind.CREDIT, row["key"], row["remains"],
            row["by"], row["why"],
        )  # fmt: skip


async def credit(
    connection: Connection, charge: str, amount: Money | None, by: str, why: str, *, effect: str
) -> Money:
    """Take back a part of one charge, or all that is left of it (`amount` None); how much.

    `effect` names the credit: the same again changes nothing. Raises LookupError, Refused.
    """
    key = f"{charge}/credit/{effect}"
    currency = await _lock_charge(connection, charge)
    done = await connection.fetchval("SELECT -amount FROM ledger WHERE key = $1", key)
    if done is not None:
        return Money.of(done, currency)
    left = Money.of(await connection.fetchval("SELECT ledger_left($1)", charge), currency)
    taken = left if amount is None else amount
    if taken.currency != currency:
        raise Refused(f"{charge} is in {currency}; credit it in {currency}, not {taken.currency}")
    if taken.minor <= 0:
        raise Refused(f"{left} is left of {charge}; a credit is of more than 0 {currency}")
    if taken.minor > left.minor:
        raise Refused(f"{left} is left of {charge}; credit at most as much, not {taken}")
    await take_back(connection, key, EntryKind.CREDIT, charge, taken.amount, by, why)
    return taken


async def void(connection: Connection, incident: str, by: str, why: str) -> None:
    """Take back every charge of an incident, forgiven ones too: they count for nothing.

    A dedicated address that it came to is charged no further. Raises LookupError.
    """
    await lock_incident(connection, incident)
    await end_address(connection, incident, by, why)
    rows = await connection.fetch(
        "SELECT key, remains FROM charges WHERE incident = $1 AND state <> 'voided'"
        " ORDER BY number",
        incident,
    )
    for row in rows:
        key = row["key"]
        await take_back(connection, f"{key}/void", EntryKind.VOID, key, row["remains"], by, why)


async def end_address(connection: Connection, incident: str, by: str, why: str) -> bool:
    """Charge no further month of an incident's dedicated address; False when none is in force."""
    ended = await connection.fetchval(
        "UPDATE dedicated_addresses SET until = greatest(now(), since), ended_by = $2,"
        " ended_why = $3 WHERE incident = $1 AND until IS NULL RETURNING incident",
        incident,
        by,
        why,
    )
    return ended is not None


async def dispute(connection: Connection, charge: str, by: str, why: str, *, effect: str) -> None:
    """Put a charge under dispute: it is not sent until that is settled. The same `effect` again
    changes nothing. Raises LookupError, and Refused where one is open already.
    """
    await _lock_charge(connection, charge)
    key = f"{charge}/dispute/{effect}"
    rows = await connection.fetch(
        "SELECT key, opened_by, settled_at FROM disputes WHERE charge = $1", charge
    )
    if any(row["key"] == key for row in rows):
        return
    if standing := [row for row in rows if row["settled_at"] is None]:
        raise Refused(f"{charge} is disputed by {standing[0]['opened_by']} already; settle that")
    left = await connection.fetchval("SELECT ledger_left($1)", charge)
    if not left:
        raise Refused(f"nothing is left of {charge} to be disputed")
    await connection.execute(
        "INSERT INTO disputes (key, charge, opened_by, why) VALUES ($1, $2, $3, $4)",
        key,
        charge,
        by,
        why,
    )


async def settle(
    connection: Connection, charge: str, settlement: Settlement, amount: Money | None, by: str,
    why: str, *, effect: str,
) -> Dispute:  # fmt: skip
    """Settle a charge's open dispute, with a credit where the client is right in it (`amount`;
    None: of all that is left). Settled the same way already, it changes nothing. Raises
    LookupError, Refused.
    """
    await _lock_charge(connection, charge)
    row = await connection.fetchrow(
        "SELECT * FROM disputes WHERE charge = $1 ORDER BY settled_at NULLS FIRST,"
        " settled_at DESC LIMIT 1",
        charge,
    )
    if row is None:
        raise Refused(f"{charge} is not disputed")
    if row["settled_at"] is not None:
        if (row["settlement"], row["settled_by"], row["settled_why"]) == (settlement, by, why):
            return _dispute(row)
        raise Refused(f"the dispute of {charge} is settled already: {row['settlement']}")
    if settlement is Settlement.CREDITED:
        await credit(connection, charge, amount, by, why, effect=effect)
    elif amount is not None:
        raise Refused(f'a dispute that is "{settlement}" credits nothing; leave the amount out')
    settled = await connection.fetchrow(
        "UPDATE disputes SET settled_by = $2, settlement = $3, settled_why = $4, settled_at = now()"
        " WHERE key = $1 RETURNING *",
        row["key"],
        by,
        settlement,
        why,
    )
    assert settled is not None
    return _dispute(settled)


async def _lock_charge(connection: Connection, charge: str) -> str:
    """Lock the ledger of a charge's incident; the currency of the charge."""
    row = await connection.fetchrow(
        "SELECT incident, contract, currency FROM ledger WHERE key = $1 AND entry = 'charge'",
        charge,
    )
    if row is None:
        raise LookupError(f"there is no charge {charge}; plazo billing list shows those there are")
    await lock(connection, row["incident"], row["contract"])
    return str(row["currency"])


def _dispute(row: Record) -> Dispute:
    settlement = row["settlement"]
    given = dict(row) | {"settlement": None if settlement is None else Settlement(settlement)}
    return Dispute(**given)
