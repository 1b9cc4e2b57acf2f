"""What Microsoft has counted of the provider's addresses (SNDS), day by day, with its own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from book.intake import evidence


@dataclass(frozen=True, kw_only=True)
class Day:
    """One address in one of Microsoft's days. The rate is as it is said, such as `< 0.1%`."""

    address: str
    begins_at: datetime
    ends_at: datetime
    recipients: int
    filter_result: str
    """GREEN, YELLOW or RED: below 10 %, up to 90 % and more than 90 % taken for spam."""
    complaint_rate: str
    trap_hits: int

    def __str__(self) -> str:
        return (
            f"{self.address} {self.begins_at:%Y-%m-%d}: {self.filter_result},"
            f" {self.recipients:,} recipients, complaint rate {self.complaint_rate},"
            f" {self.trap_hits:,} spam trap hits"
        )


_THESE = "unnest($1::text[]::inet[], $2::timestamptz[]) AS t (address, begins_at)"


async def ours(connection: Connection, ranges: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The prefixes of services now that overlap a range of addresses, first to last."""
    rows = await connection.fetch(
        "SELECT DISTINCT text(a.address) AS prefix, a.address FROM service_addresses a,"
        " unnest($1::text[]::inet[], $2::text[]::inet[]) AS r (first, last)"
        " WHERE a.valid @> now() AND family(a.address) = 4"
        " AND set_masklen(a.address::inet, 32) <= r.last"
        " AND set_masklen(broadcast(a.address::inet), 32) >= r.first ORDER BY a.address",
        [first for first, _ in ranges],
        [last for _, last in ranges],
    )
    return tuple(row["prefix"] for row in rows)


async def keep(connection: Connection, days: Sequence[tuple[Day, bytes]]) -> None:
    """Keep days with the lines that say so, for the open incident of the service that has the
    address. What was said of a day before stands, and has the first incident that comes."""
    of_whom = [[day.address for day, _ in days], [day.begins_at for day, _ in days]]
    rows = await connection.fetch(
        "SELECT host(d.address) AS address, d.begins_at FROM snds_days d"  # noqa: S608
        f" JOIN {_THESE} ON d.address = t.address AND d.begins_at = t.begins_at",
        *of_whom,
    )
    known = {(row["address"], row["begins_at"]) for row in rows}
    new = [each for each in days if (each[0].address, each[0].begins_at) not in known]
    await evidence.keep(
        connection, [(evidence.digest(line), line, "application/json") for _, line in new]
    )
    await connection.executemany(
        "INSERT INTO snds_days (address, begins_at, ends_at, recipients, filter_result,"
        "   complaint_rate, trap_hits, evidence)"
        " VALUES ($1::text::inet, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        [
            (day.address, day.begins_at, day.ends_at, day.recipients, day.filter_result,
             day.complaint_rate, day.trap_hits, evidence.digest(line))
            for day, line in new
        ],
    )  # fmt: skip
    await connection.execute(
        "UPDATE snds_days d SET incident = i.id"  # noqa: S608 - a constant
        f" FROM {_THESE}, incidents i WHERE d.address = t.address AND d.begins_at = t.begins_at"
        " AND d.incident IS NULL AND i.stage <> 'closed' AND i.service ="
        "   (SELECT a.service FROM service_addresses a WHERE a.address >>= d.address"
        "     AND a.valid @> now() ORDER BY masklen(a.address) DESC LIMIT 1)",
        *of_whom,
    )


_DAY = (
    "SELECT host(address) AS address, begins_at, ends_at, recipients, filter_result,"
    " complaint_rate, trap_hits FROM snds_days "
)


async def of_incident(connection: Connection, incident: str) -> tuple[Day, ...]:
    """What is evidence of an incident, the newest first."""
    rows = await connection.fetch(
        _DAY + "WHERE incident = $1 ORDER BY begins_at DESC, snds_days.address LIMIT 50", incident
    )
    return tuple(Day(**row) for row in rows)


async def of_address(connection: Connection, address: str) -> tuple[Day, ...]:
    """What is known of an address, the newest first."""
    rows = await connection.fetch(
        _DAY + "WHERE address = $1::text::inet ORDER BY begins_at DESC LIMIT 50", address
    )
    return tuple(Day(**row) for row in rows)


async def listed(connection: Connection, zone: str) -> tuple[tuple[str, str], ...]:
    """`(address, zone)` of everything that stands below a pseudo-zone."""
    rows = await connection.fetch(
        "SELECT subject, zone FROM listing_periods WHERE zone = $1 AND cleared_at IS NULL"
        " ORDER BY address",
        zone,
    )
    return tuple((row["subject"], row["zone"]) for row in rows)
