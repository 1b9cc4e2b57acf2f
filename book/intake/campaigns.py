"""Bulk mail that clients announced: who said so, who wrote it down, what hosts are told of it."""

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection, Record

from domain.hosts import Campaign


class NotAnnounced(ValueError):
    """The campaign cannot be taken down as it was announced; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class Announced:
    """A campaign as it is in the book."""

    id: int
    service: str
    client: str
    host: str | None
    domain: str | None
    begins_at: datetime
    ends_at: datetime
    messages: int
    announced_by: str
    recorded_by: str
    recorded_at: datetime
    reason: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_why: str | None


async def announce(
    connection: Connection,
    service: str,
    campaign: Campaign,
    *,
    announced_by: str | None,
    recorded_by: str,
    reason: str,
) -> int:
    """Write an announcement down; its number. The client announced it if nobody else is named.

    Raises NotAnnounced.
    """
    row = await connection.fetchrow(
        "SELECT client, host, (SELECT count(*) FROM services o WHERE o.host = s.host) AS on_host"
        " FROM services s WHERE id = $1 FOR SHARE",
        service,
    )
    if row is None:
        raise NotAnnounced(f'there is no service "{service}"; import it first')
    if row["host"] is None:
        raise NotAnnounced(f"{service} has no host of ours, so no detector reports it")
    if row["on_host"] > 1 and campaign.domain is None:
        raise NotAnnounced(
            f"{row['on_host']} services are on {row['host']}; name the sender domain with "
            "--domain, or it would cover the others' mail too"
        )
    number: int = await connection.fetchval(
        "INSERT INTO campaigns (service, domain, begins_at, ends_at, messages, announced_by,"
        " recorded_by, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        service,
        campaign.domain,
        campaign.begins_at,
        campaign.ends_at,
        campaign.messages,
        announced_by or row["client"],
        recorded_by,
        reason,
    )
    return number


async def withdraw(connection: Connection, number: int, *, by: str, why: str) -> None:
    """End a campaign now. Raises NotAnnounced when there is none that could be ended."""
    ended = await connection.fetchval(
        "UPDATE campaigns SET withdrawn_at = now(), withdrawn_by = $2, withdrawn_why = $3"
        " WHERE id = $1 AND withdrawn_at IS NULL AND ends_at > now() RETURNING true",
        number,
        by,
        why,
    )
    if not ended:
        raise NotAnnounced(f"campaign {number} is over, withdrawn, or there is none")


async def announced(
    connection: Connection, *, service: str | None = None, over_too: bool = False,
    number: int | None = None,
) -> tuple[Announced, ...]:  # fmt: skip
    """Those that are to come or running, or all, or the one of a number; the latest first."""
    rows = await connection.fetch(
        "SELECT c.*, s.client, s.host FROM campaigns c JOIN services s ON s.id = c.service"
        " WHERE ($1::text IS NULL OR c.service = $1)"
        " AND ($2 OR (c.ends_at > now() AND c.withdrawn_at IS NULL))"
        " AND ($3::bigint IS NULL OR c.id = $3) ORDER BY c.id DESC",
        service,
        over_too,
        number,
    )
    return tuple(Announced(**row) for row in rows)


async def of_host(connection: Connection, host: str) -> tuple[Campaign, ...]:
    """What a host's detector has to know."""
    rows = await connection.fetch(
        "SELECT c.* FROM campaigns c JOIN services s ON s.id = c.service WHERE s.host = $1"
        " AND c.ends_at > now() AND c.withdrawn_at IS NULL ORDER BY c.id",
        host,
    )
    return tuple(_campaign(row) for row in rows)


def _campaign(row: Record) -> Campaign:
    return Campaign(
        id=str(row["id"]),
        begins_at=row["begins_at"],
        ends_at=row["ends_at"],
        messages=row["messages"],
        domain=row["domain"],
    )
