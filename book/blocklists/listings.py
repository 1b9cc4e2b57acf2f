"""Which addresses and domains of an incident were found on which blocklist, and when off it."""

from collections.abc import Sequence

from asyncpg import Connection

from domain.intake.complaints import canonical_address

MOST_DOMAINS = 50
"""Of one incident: a shared server may send for thousands, and each is a question to each list."""

REPORTED = (
    "SELECT r.address FROM incidents i,"
    " LATERAL (SELECT DISTINCT address FROM reports WHERE incident = i.id) AS r"
    " WHERE i.id = $1 AND r.address IS NOT NULL AND i.service = coalesce("
    "  (SELECT a.service FROM service_addresses a WHERE a.address >>= r.address"
    "    AND a.valid @> now() ORDER BY masklen(a.address) DESC LIMIT 1), i.service)"
)
"""Addresses that an incident's reports name, without those that are another service's by now."""


async def addresses(connection: Connection, incident: str) -> tuple[str, ...]:
    """The prefixes to ask about: those reported first, then all of the incident's service.

    What was reported and has become another's since is their business.
    """
    rows = await connection.fetch(
        "SELECT network, bool_or(reported) AS reported FROM ("  # noqa: S608 - a constant
        f"  SELECT r.address::cidr AS network, true AS reported FROM ({REPORTED}) AS r"
        "  UNION ALL SELECT a.address, false FROM service_addresses a"
        "    JOIN incidents i ON i.service = a.service WHERE i.id = $1 AND a.valid @> now()"
        ") AS known GROUP BY network ORDER BY reported DESC, network",
        incident,
    )
    return tuple(str(row["network"]) for row in rows)


async def domains(connection: Connection, incident: str) -> tuple[str, ...]:
    """The domains that an incident's reports say have sent, the most reported first."""
    rows = await connection.fetch(
        "SELECT domain FROM reports WHERE incident = $1 AND domain IS NOT NULL"
        " GROUP BY domain ORDER BY count(*) DESC, domain LIMIT $2",
        incident,
        MOST_DOMAINS,
    )
    return tuple(row["domain"] for row in rows)


async def standing(connection: Connection, incident: str) -> tuple[tuple[str, str], ...]:
    """`(address or domain, zone)` of every listing that stands now."""
    rows = await connection.fetch(
        "SELECT subject AS address, zone FROM listings"
        " WHERE incident = $1 AND cleared_at IS NULL ORDER BY listings.address, subject, zone",
        incident,
    )
    return tuple((row["address"], row["zone"]) for row in rows)


async def standing_listings(connection: Connection, incident: str) -> tuple[str, ...]:
    """`address zone` of every blocklist entry that stands now."""
    return tuple(f"{address} {zone}" for address, zone in await standing(connection, incident))


async def keep(
    connection: Connection,
    incident: str,
    found: Sequence[tuple[str, str, str]],
    gone: Sequence[tuple[str, str]],
) -> None:
    """Write down what was found, `(address or domain, zone, answer)` each, and what is gone."""
    await connection.executemany(
        "INSERT INTO listings (incident, address, domain, zone, answer) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (incident, subject, zone)"
        " DO UPDATE SET seen_at = now(), answer = EXCLUDED.answer, cleared_at = NULL",
        [(incident, *either(about), zone, answer) for about, zone, answer in found],
    )
    await connection.executemany(
        "UPDATE listings SET cleared_at = now()"
        " WHERE incident = $1 AND subject = $2 AND zone = $3 AND cleared_at IS NULL",
        [(incident, address, zone) for address, zone in gone],
    )


def either(subject: str) -> tuple[str | None, str | None]:
    """An address and no domain, or no address and a domain: the columns of what is listed."""
    return (subject, None) if canonical_address(subject) is not None else (None, subject)
