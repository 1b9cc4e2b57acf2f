"""When which address or domain was on which blocklist, whether or not an incident came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from book.blocklists.listings import either
from book.intake import evidence

_STANDS = "cleared_at IS NULL"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A listing that a list has just answered with; `proof` is that answer, as JSON."""

    address: str
    """Or a domain; the same below."""
    zone: str
    answer: str
    reproach: bool
    proof: bytes


@dataclass(frozen=True, kw_only=True)
class Period:
    """A stretch of time that an address was on a list; it stands while `cleared_at` is None."""

    address: str
    zone: str
    answer: str
    found_at: datetime
    seen_at: datetime
    cleared_at: datetime | None
    incident: str | None
    """That it opened or joined; None where it is no reproach, or nobody has the address."""


@dataclass(frozen=True, kw_only=True)
class Unreported:
    """A listing that no incident knows of yet. `id` names it for good."""

    id: int
    address: str
    zone: str
    answer: str
    found_at: datetime
    proof: bytes


async def standing(
    connection: Connection, addresses: Sequence[str]
) -> tuple[tuple[str, str, str], ...]:
    """`(address, zone, answer)` of every period of these addresses that stands now."""
    rows = await connection.fetch(
        "SELECT subject AS address, zone, answer FROM listing_periods"  # noqa: S608
        f" WHERE subject = ANY($1::text[]) AND {_STANDS} ORDER BY 1, 2",
        list(addresses),
    )
    return tuple((row["address"], row["zone"], row["answer"]) for row in rows)


async def keep(
    connection: Connection,
    seen: Sequence[Seen],
    gone: Sequence[tuple[str, str]],
    incident: str | None = None,
) -> int:
    """Write down what is listed and what is gone; how many listings are new.

    Found by an incident itself, those that are a reproach are its own and need no report.
    """
    before = await standing(connection, [each.address for each in seen])
    known = set(before)
    told = [each for each in seen if (each.address, each.zone, each.answer) not in known]
    await evidence.keep(
        connection, [(evidence.digest(each.proof), each.proof, "application/json") for each in told]
    )
    await connection.execute(
        "UPDATE listing_periods p SET seen_at = now(), incident = coalesce(p.incident, s.incident),"  # noqa: S608
        "   reported_at = coalesce(p.reported_at, CASE WHEN s.incident <> '' THEN now() END)"
        " FROM unnest($1::text[], $2::text[], $3::text[]) AS s (subject, zone, incident)"
        f" WHERE p.subject = s.subject AND p.zone = s.zone AND p.{_STANDS}",
        [each.address for each in seen],
        [each.zone for each in seen],
        [incident if each.reproach else None for each in seen],
    )
    await connection.execute(
        "INSERT INTO listing_periods (address, domain, zone, answer, reproach, evidence, incident,"  # noqa: S608
        "   reported_at)"
        " SELECT *, CASE WHEN incident <> '' THEN now() END FROM unnest($1::text[]::inet[],"
        "   $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bytea[], $7::text[])"
        "   AS s (address, domain, zone, answer, reproach, evidence, incident)"
        f" ON CONFLICT (subject, zone) WHERE {_STANDS} DO UPDATE SET seen_at = now(),"
        "   answer = EXCLUDED.answer, reproach = EXCLUDED.reproach, evidence = EXCLUDED.evidence",
        [either(each.address)[0] for each in told],
        [either(each.address)[1] for each in told],
        [each.zone for each in told],
        [each.answer for each in told],
        [each.reproach for each in told],
        [evidence.digest(each.proof) for each in told],
        [incident if each.reproach else None for each in told],
    )
    await connection.execute(
        "UPDATE listing_periods p SET cleared_at = now()"  # noqa: S608
        " FROM unnest($1::text[], $2::text[]) AS g (subject, zone)"
        f" WHERE p.subject = g.subject AND p.zone = g.zone AND p.{_STANDS}",
        [address for address, _ in gone],
        [zone for _, zone in gone],
    )
    stood = {(address, zone) for address, zone, _ in before}
    return sum((each.address, each.zone) not in stood for each in told)


async def tell_incidents(
    connection: Connection, seen: Sequence[tuple[str, str]], gone: Sequence[tuple[str, str]]
) -> None:
    """Bring the listings of open incidents up to date; those are woken that have lost one."""
    await connection.execute(
        "UPDATE listings l SET seen_at = now() FROM incidents i,"
        " unnest($1::text[], $2::text[]) AS s (subject, zone)"
        " WHERE l.incident = i.id AND i.stage <> 'closed' AND l.cleared_at IS NULL"
        " AND l.subject = s.subject AND l.zone = s.zone",
        [address for address, _ in seen],
        [zone for _, zone in seen],
    )
    await connection.execute(
        "WITH cleared AS (UPDATE listings l SET cleared_at = now() FROM incidents i,"
        "   unnest($1::text[], $2::text[]) AS g (subject, zone)"
        "   WHERE l.incident = i.id AND i.stage <> 'closed' AND l.cleared_at IS NULL"
        "   AND l.subject = g.subject AND l.zone = g.zone RETURNING l.incident)"
        " SELECT mark_dirty(incident) FROM (SELECT DISTINCT incident FROM cleared) AS woken",
        [address for address, _ in gone],
        [zone for _, zone in gone],
    )


async def unreported(connection: Connection, addresses: Sequence[str]) -> tuple[Unreported, ...]:
    """Listings of these addresses that are a reproach and have not been reported."""
    rows = await connection.fetch(
        "SELECT p.id, p.subject AS address, p.zone, p.answer, p.found_at, e.body"  # noqa: S608
        " FROM listing_periods p JOIN evidence e ON e.sha256 = p.evidence"
        f" WHERE p.subject = ANY($1::text[]) AND p.{_STANDS} AND p.reproach"
        " AND p.reported_at IS NULL ORDER BY p.id",
        list(addresses),
    )
    return tuple(
        Unreported(
            id=row["id"], address=row["address"], zone=row["zone"], answer=row["answer"],
            found_at=row["found_at"], proof=row["body"],
        )
        for row in rows
    )  # fmt: skip


async def reported(connection: Connection, period: int, incident: str | None) -> None:
    """A listing is known to an incident now, or waits for a person among unplaced reports."""
    await connection.execute(
        "UPDATE listing_periods SET reported_at = now(), incident = $2 WHERE id = $1",
        period,
        incident,
    )


async def history(connection: Connection, address: str) -> tuple[Period, ...]:
    """Every period of an address or a domain, the newest first."""
    rows = await connection.fetch(
        "SELECT subject AS address, zone, answer, found_at, seen_at, cleared_at, incident"
        " FROM listing_periods WHERE subject = $1 ORDER BY found_at DESC, zone",
        address,
    )
    return tuple(Period(**row) for row in rows)
