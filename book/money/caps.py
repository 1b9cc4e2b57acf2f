"""How much the caps of a contract leave: of one incident, and of a calendar month."""

from asyncpg import Connection

from book.incident.incidents import Parties
from domain.money.costs import CapKind, Room, caps_of
from domain.units import Money


async def rooms(connection: Connection, who: Parties) -> tuple[Room, ...]:
    """How much each cap of the contract leaves; none where it has no cap."""
    prices = who.contract.prices
    if not caps_of(prices):
        return ()
    row = await connection.fetchrow(
        "SELECT to_char(m.begins, 'YYYY-MM') AS month,"
        " (SELECT coalesce(sum(amount), 0) FROM ledger WHERE incident = $1) AS of_incident,"
        " (SELECT coalesce(sum(remains), 0) FROM charges WHERE contract = $2"
        "   AND entered_at >= m.begins AT TIME ZONE $3) AS of_month"
        " FROM (SELECT date_trunc('month', now() AT TIME ZONE $3) AS begins) AS m",
        who.incident,
        who.contract.id,
        who.contract.zone,
    )
    assert row is not None
    found = []
    if prices.cap_incident is not None:
        found.append(
            Room(
                kind=CapKind.INCIDENT,
                what="the contract's cap for one incident",
                key=f"{who.incident}/cap/incident",
                cap=prices.cap_incident,
                spent=Money.of(row["of_incident"], prices.currency),
            )
        )
    if prices.cap_month is not None:
        found.append(
            Room(
                kind=CapKind.MONTH,
                what=f"the contract's cap for the month {row['month']}",
                key=f"{who.incident}/cap/{row['month']}",
                cap=prices.cap_month,
                spent=Money.of(row["of_month"], prices.currency),
            )
        )
    return tuple(found)


async def capped_incidents(connection: Connection, after: str, limit: int) -> tuple[str, ...]:
    """Open incidents under a contract with a cap, by name, beyond `after`."""
    rows = await connection.fetch(
        "SELECT i.id FROM incidents i JOIN contracts c ON c.id = i.contract"
        " WHERE i.stage <> 'closed' AND i.id > $1 AND coalesce("
        "   c.terms #>> '{prices,cap_incident}', c.terms #>> '{prices,cap_month}') IS NOT NULL"
        " ORDER BY i.id LIMIT $2",
        after,
        limit,
    )
    return tuple(row["id"] for row in rows)
