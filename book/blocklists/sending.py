"""The domains that are known to send from the provider's addresses, for the listing watch."""

from collections.abc import Sequence

from asyncpg import Connection

RECENT_DAYS = 90
"""A domain that nobody has named for so long is watched no more; its standing listings are."""

_KNOWN = (
    "WITH known AS ("
    "  SELECT r.domain, i.service, max(r.received_at) AS at FROM reports r"
    "    JOIN incidents i ON i.id = r.incident"
    "    WHERE r.domain IS NOT NULL AND r.received_at > now() - make_interval(days => $1)"
    "      AND coalesce(i.outcome, '') <> 'false_positive' GROUP BY r.domain, i.service"
    "  UNION ALL SELECT c.domain, c.service, c.begins_at FROM campaigns c"
    "    WHERE c.domain IS NOT NULL AND c.withdrawn_at IS NULL"
    "      AND c.ends_at > now() - make_interval(days => $1)"
    "  UNION ALL SELECT p.domain, i.service, p.seen_at FROM listing_periods p"
    "    JOIN incidents i ON i.id = p.incident WHERE p.domain IS NOT NULL AND p.cleared_at IS NULL"
    "), sending AS (SELECT domain, (array_agg(service ORDER BY at DESC))[1] AS service"
    "    FROM known WHERE EXISTS (SELECT FROM service_addresses a WHERE a.service = known.service"
    "      AND a.valid @> now()) GROUP BY domain)"
)


async def count(connection: Connection) -> int:
    """How many there are."""
    found: int = await connection.fetchval(
        f"{_KNOWN} SELECT count(*) FROM sending",  # noqa: S608 - a constant
        RECENT_DAYS,
    )
    return found


async def domains(connection: Connection, after: str | None, at_most: int) -> tuple[str, ...]:
    """Those that come after one, in order; the first ones if that is None.

    Named by reports of the last months, or announced with a campaign, of services that have an
    address now.
    """
    rows = await connection.fetch(
        f"{_KNOWN} SELECT domain FROM sending WHERE $2::text IS NULL OR domain > $2"  # noqa: S608
        ' COLLATE "C" ORDER BY domain COLLATE "C" LIMIT $3',
        RECENT_DAYS,
        after,
        at_most,
    )
    return tuple(row["domain"] for row in rows)


async def addresses_of(connection: Connection, domains: Sequence[str]) -> dict[str, str]:
    """An address of the service that each domain sends from, by domain: the one reported last."""
    rows = await connection.fetch(
        f"{_KNOWN} SELECT s.domain, coalesce("  # noqa: S608 - a constant
        "  (SELECT host(r.address) FROM reports r JOIN incidents i ON i.id = r.incident"
        "    JOIN service_addresses a ON a.service = i.service AND a.address >>= r.address"
        "      AND a.valid @> now()"
        "    WHERE r.domain = s.domain AND i.service = s.service"
        "    ORDER BY r.received_at DESC LIMIT 1),"
        "  (SELECT host(a.address) FROM service_addresses a WHERE a.service = s.service"
        "    AND a.valid @> now() ORDER BY a.address LIMIT 1)) AS address"
        " FROM sending s WHERE s.domain = ANY($2::text[])",
        RECENT_DAYS,
        list(domains),
    )
    return {row["domain"]: row["address"] for row in rows}
