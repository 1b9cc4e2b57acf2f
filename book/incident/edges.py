"""The firewalls at the edge: which of them guard an address, and what they come to together."""

from collections import defaultdict

from asyncpg import Connection

from domain.hosts import Observation
from domain.news import Observed

_MOST_DETAIL = 1_000
"""Characters that the edges' words come to together."""


async def guarding(connection: Connection, addresses: tuple[str, ...]) -> dict[str, list[str]]:
    """The addresses by the enrolled edges that guard them: those with the longest prefix.

    One that several guard alike, such as a pair of firewalls, is each one's. An edge without
    prefixes guards every address. Addresses that nobody guards are missing.
    """
    rows = await connection.fetch(
        "SELECT id, address FROM (SELECT h.id, each.address, rank() OVER"
        "   (PARTITION BY each.address ORDER BY g.length DESC) AS place"
        "  FROM unnest($1::text[]) AS each (address)"
        "  JOIN hosts h ON h.edge AND h.key_sha256 IS NOT NULL"
        "  JOIN LATERAL (SELECT CASE WHEN h.guards = '{}' THEN 0 ELSE"
        "    (SELECT max(masklen(guarded)) FROM unnest(h.guards) AS guarded"
        "     WHERE guarded >>= each.address::inet) END AS length) g ON g.length IS NOT NULL"
        " ) ranked WHERE place = 1 ORDER BY id, address",
        list(addresses),
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row["id"]].append(row["address"])
    return dict(found)


async def share(connection: Connection, key: str, parts: dict[str, list[str]]) -> None:
    """Have each edge carry out its part of a measure that was just written down."""
    await connection.executemany(
        "INSERT INTO measure_parts (measure, host, targets) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        [(key, host, targets) for host, targets in parts.items()],
    )


async def together(connection: Connection, host: str, seen: Observation) -> Observation | None:
    """What the edges come to with what one of them has just seen; None until all have a word.

    The measure's row is locked by the caller.
    """
    await connection.execute(
        "UPDATE measure_parts SET observed = $3, observed_at = now(), detail = $4"
        " WHERE measure = $1 AND host = $2",
        seen.key,
        host,
        seen.observed,
        seen.detail[:_MOST_DETAIL],
    )
    rows = await connection.fetch(
        "SELECT host, observed, detail FROM measure_parts WHERE measure = $1 ORDER BY host",
        seen.key,
    )
    words = {row["observed"] for row in rows}
    if Observed.FAILED in words:
        come_to = Observed.FAILED
    elif len(words) == 1 and None not in words:
        come_to = seen.observed
    else:
        return None
    detail = "; ".join(f"{row['host']}: {row['detail'] or row['observed']}" for row in rows)
    return Observation(key=seen.key, observed=come_to, detail=detail[:_MOST_DETAIL])
