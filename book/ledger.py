"""Charges: made once, explained, and waived or voided by name."""

from asyncpg import Connection

from book.incidents import Parties
from domain.ladder import Term
from domain.money import ChargeKind, Due, Used, bill
from domain.units import Money

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 2))"
"""One incident's charges change one at a time: two attempts to charge, or a charge and a waiver."""


async def used(connection: Connection, who: Parties, accepted: tuple[Term, ...]) -> Used:
    """What an incident has used so far, of all that can be charged."""
    row = await connection.fetchrow(
        "SELECT EXISTS (SELECT FROM listings WHERE incident = $1) AS listed,"
        " (SELECT sum(relayed) FROM measures WHERE incident = $1"
        "   AND measure = 'smarthost_redirect' AND observed IS NOT NULL"
        "   AND (relayed > 0 OR observed <> 'failed')) AS relayed,"
        " (SELECT count(DISTINCT c.incident) FROM charges c JOIN incidents i ON i.id = c.incident"
        "   WHERE i.client = $2 AND c.kind = 'delisting' AND c.state <> 'voided'"
        "   AND c.incident <> $1 AND i.opened_at < $3"
        "   AND c.charged_at > now() - make_interval(months => $4)) AS earlier",
        who.incident,
        who.client.id,
        who.opened_at,
        who.contract.window_months,
    )
    assert row is not None
    return Used(
        listed=row["listed"],
        earlier_delistings=row["earlier"],
        relayed=row["relayed"],
        accepted=accepted,
    )


async def charge(
    connection: Connection, who: Parties, accepted: tuple[Term, ...]
) -> tuple[str, ...]:
    """Bring the ledger to what the incident owes; every charge that stands, one sentence each.

    What is on it already is not charged again: after a relapse only the difference is. An incident
    that was set right or has ended is charged nothing more, however late an attempt comes.
    """
    await connection.execute(_LOCK, who.incident)
    barred = await connection.fetchval("SELECT barred FROM incidents WHERE id = $1", who.incident)
    if not barred:
        for due in bill(await used(connection, who, accepted), who.contract.prices):
            await _bring_to(connection, who.incident, due)
    rows = await connection.fetch(
        "SELECT kind, minor, currency, state, reason FROM charges WHERE incident = $1 ORDER BY key",
        who.incident,
    )
    return tuple(
        f"{row['kind']}: {Money(row['minor'], row['currency'])} ({row['state']}): {row['reason']}"
        for row in rows
    )


async def _bring_to(connection: Connection, incident: str, due: Due) -> None:
    row = await connection.fetchrow(
        "SELECT count(*) AS n, coalesce(sum(minor), 0) AS minor FROM charges"
        " WHERE incident = $1 AND kind = $2",
        incident,
        due.kind,
    )
    assert row is not None
    more = due.amount.minor - row["minor"]
    if row["n"] and more <= 0:
        return
    waiver = await connection.fetchrow(
        "SELECT by, why FROM waivers WHERE incident = $1 AND kind = $2", incident, due.kind
    )
    await connection.execute(
        "INSERT INTO charges (key, incident, kind, minor, currency, reason, state, state_by,"
        " state_why) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        f"{incident}/{due.kind}/{row['n'] + 1}",
        incident,
        due.kind,
        more,
        due.amount.currency,
        due.reason,
        "due" if waiver is None else "waived",
        None if waiver is None else waiver["by"],
        None if waiver is None else waiver["why"],
    )


async def waive(connection: Connection, incident: str, kind: ChargeKind, by: str, why: str) -> None:
    """Forgive one kind of charge, made or still to be made."""
    await connection.execute(_LOCK, incident)
    await connection.execute(
        "INSERT INTO waivers (incident, kind, by, why) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        incident,
        kind,
        by,
        why,
    )
    await connection.execute(
        "UPDATE charges SET state = 'waived', state_by = $3, state_why = $4"
        " WHERE incident = $1 AND kind = $2 AND state = 'due'",
        incident,
        kind,
        by,
        why,
    )


async def void(connection: Connection, incident: str, by: str, why: str) -> None:
    """Take back every charge of an incident, forgiven ones too: they count for nothing."""
    await connection.execute(_LOCK, incident)
    await connection.execute(
        "UPDATE charges SET state = 'voided', state_by = $2, state_why = $3"
        " WHERE incident = $1 AND state <> 'voided'",
        incident,
        by,
        why,
    )
