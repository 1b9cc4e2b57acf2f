"""What an incident's redirected mail can be metered by: the smarthost's figures for one host."""

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection


@dataclass(frozen=True, kw_only=True)
class Redirected:
    """A time in which everything that one host sent through the smarthost was one measure's."""

    key: str
    host: str
    since: datetime
    until: datetime


async def redirected(
    connection: Connection, incident: str, smarthost: str
) -> tuple[Redirected, ...]:
    """An incident's redirects through that smarthost, as far as a host's figures are theirs alone.

    What another redirect of the same host overlaps cannot be told apart by the smarthost, and what
    the edge turns comes without the host's login: there the agents' own counts stand.
    """
    rows = await connection.fetch(
        "WITH redirects AS (SELECT key, incident, host, scope, parameters, asked_at AS since,"
        "   CASE WHEN wanted = 'lifted' AND observed = 'lifted' THEN observed_at ELSE now() END"
        "   AS until FROM measures WHERE measure = 'smarthost_redirect' AND observed IS NOT NULL)"
        " SELECT r.key, r.host, r.since, r.until FROM redirects r"
        " WHERE r.incident = $1 AND r.parameters ->> 'smarthost' = $2 AND r.scope <> 'address'"
        " AND NOT EXISTS (SELECT FROM redirects o WHERE o.host = r.host AND o.key <> r.key"
        "   AND o.since <= r.until AND o.until >= r.since) ORDER BY r.key",
        incident,
        smarthost,
    )
    return tuple(Redirected(**dict(row)) for row in rows)


async def meter(connection: Connection, key: str, relayed: int) -> None:
    """Write the smarthost's own figure in place of what the agent counted."""
    await connection.execute("UPDATE measures SET relayed = $2 WHERE key = $1", key, relayed)
