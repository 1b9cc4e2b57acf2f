"""Direct clients as the desk sees them: what they have, what they agreed to, how often it was."""

from datetime import datetime

from asyncpg import Connection

from book.incident.incidents import client_of
from domain.console.views import ClientRow, ContractRow, LadderPlace, ServiceRow
from domain.contract import Contract
from domain.ladder import Facts, months_before, rung
from domain.parties import Client
from domain.wire import from_json

MOST = 100
"""Clients on one page; more are found by their name."""


async def clients(
    connection: Connection, text: str = "", limit: int = MOST, after: str | None = None
) -> tuple[ClientRow, ...]:
    """Clients by name or id; those with open incidents first, then by their last one.

    The list goes on after the client `after`, in the order of now.
    """
    escaped = text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = await connection.fetch(
        "WITH known AS MATERIALIZED ("
        "SELECT c.id AS client, c.name, c.kind, coalesce(i.open, 0) AS open,"
        " coalesce(i.counted, 0) AS counted, i.last_opened_at, row_number() OVER ("
        "   ORDER BY coalesce(i.open, 0) = 0, i.last_opened_at DESC NULLS LAST, c.id) AS place"
        " FROM clients c LEFT JOIN ("
        "   SELECT n.client, count(*) FILTER (WHERE stage <> 'closed') AS open,"
        "   count(*) FILTER (WHERE coalesce(outcome, '') NOT IN ('false_positive', 'withdrawn')"
        "     AND opened_at > coalesce(w.since, now() - interval '12 months')) AS counted,"
        "   max(opened_at) AS last_opened_at FROM incidents n LEFT JOIN ("
        "     SELECT client, now() - make_interval(months => (terms ->> 'window_months')::int)"
        "     AS since FROM contracts WHERE valid @> now()) AS w ON w.client = n.client"
        "   GROUP BY n.client) AS i ON i.client = c.id"
        " WHERE $1 = '' OR c.id ILIKE '%' || $1 || '%' OR c.name ILIKE '%' || $1 || '%')"
        " SELECT client, name, kind, open, counted, last_opened_at FROM known"
        " WHERE place > coalesce((SELECT place FROM known WHERE client = $3), 0)"
        " ORDER BY place LIMIT $2",
        escaped,
        limit,
        after,
    )
    return tuple(ClientRow(**row) for row in rows)


async def services(connection: Connection, client: str) -> tuple[ServiceRow, ...]:
    """What a client has today."""
    rows = await connection.fetch(
        "SELECT s.id AS service, s.kind, s.host, ARRAY(SELECT text(a.address)"
        "   FROM service_addresses a WHERE a.service = s.id AND a.valid @> now()"
        "   ORDER BY a.address) AS addresses FROM services s WHERE s.client = $1 ORDER BY s.id",
        client,
    )
    return tuple(ServiceRow(**{**row, "addresses": tuple(row["addresses"])}) for row in rows)


async def contracts(connection: Connection, client: str) -> tuple[ContractRow, ...]:
    """What a client has agreed to, the latest first."""
    rows = await connection.fetch(
        "SELECT terms, lower(valid) AS valid_from, upper(valid) AS valid_until FROM contracts"
        " WHERE client = $1 ORDER BY lower(valid) DESC NULLS LAST",
        client,
    )
    found = []
    for row in rows:
        terms = from_json(Contract, row["terms"])
        found.append(
            ContractRow(
                contract=terms.id,
                clause=terms.clause,
                measures=tuple(terms.measures),
                valid_from=row["valid_from"],
                valid_until=row["valid_until"],
            )
        )
    return tuple(found)


async def ladder(connection: Connection, client: Client) -> LadderPlace | None:
    """What the client's next incident would be; None without a contract in force."""
    terms = await connection.fetchval(
        "SELECT terms FROM contracts WHERE client = $1 AND valid @> now()", client.id
    )
    if terms is None:
        return None
    contract = from_json(Contract, terms)
    rows = await connection.fetch(
        "SELECT id, opened_at FROM incidents WHERE client = $1"
        # What was no spam, or was withdrawn, does not count against the client.
        " AND coalesce(outcome, '') NOT IN ('false_positive', 'withdrawn')"
        " ORDER BY opened_at DESC",
        client.id,
    )
    now: datetime = await connection.fetchval("SELECT now()")
    since = months_before(now, contract.window_months)
    counted = [row for row in rows if row["opened_at"] >= since]
    facts = Facts(now=now, reported_at=now, earlier=tuple(row["opened_at"] for row in counted))
    oldest = counted[-1]["opened_at"] if counted else None
    return LadderPlace(
        rung=rung(facts, contract),
        counted=tuple(row["id"] for row in counted),
        until=None if oldest is None else oldest + (now - since),
        window_months=contract.window_months,
    )


async def calls_them(connection: Connection, client: str) -> Client:
    """Raises LookupError when there is no such client."""
    row = await connection.fetchrow(
        "SELECT id AS client, name, kind, language, contacts, phone, channels FROM clients"
        " WHERE id = $1",
        client,
    )
    if row is None:
        raise LookupError(f"there is no client {client}")
    return client_of(row)
