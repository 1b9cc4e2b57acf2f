"""What the listing watch needs of the book: addresses, what lists were asked, a person's tasks."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from asyncpg import Connection

SITES = 256
"""Of an IPv6 prefix, at most so many /64 are gone over; a /48 alone has 65,536."""


class WatchTask(StrEnum):
    """What a person has to see to, of a list or of the watch itself."""

    REFUSES = "blocklist_refuses"
    LIMIT = "blocklist_limit"
    LATE = "watch_late"
    FEED = "feed_unread"


async def count(connection: Connection) -> int:
    """How many addresses a pass goes over, those that two prefixes have counted twice."""
    found: int = await connection.fetchval(
        "SELECT coalesce(sum(CASE WHEN family(address) = 4 THEN 2 ^ (32 - masklen(address))"
        "   ELSE least(2 ^ greatest(64 - masklen(address), 0), $1) END), 0)::bigint"
        " FROM service_addresses WHERE valid @> now()",
        SITES,
    )
    return found


async def next_pass(connection: Connection) -> int:
    """The number of a pass that begins."""
    number: int = await connection.fetchval("SELECT nextval('listing_watch_pass')")
    return number


async def prefixes(
    connection: Connection, after: str | None, beyond: str | None, at_most: int
) -> tuple[str, ...]:
    """Prefixes in use now that have an address after `after`, in order, from `beyond` on."""
    rows = await connection.fetch(
        "SELECT DISTINCT address, text(address) AS prefix FROM service_addresses"
        " WHERE valid @> now()"
        " AND ($1::text IS NULL OR set_masklen(broadcast(address)::inet,"
        "   CASE family(address) WHEN 4 THEN 32 ELSE 128 END) > $1::text::inet)"
        " AND ($2::text IS NULL OR address > $2::text::cidr) ORDER BY address LIMIT $3",
        after,
        beyond,
        at_most,
    )
    return tuple(row["prefix"] for row in rows)


async def asked_today(connection: Connection) -> dict[str, int]:
    """How many questions went to each list today (UTC), by zone."""
    rows = await connection.fetch(
        "SELECT zone, asked FROM blocklist_questions WHERE day = current_date"
    )
    return {row["zone"]: row["asked"] for row in rows}


async def count_questions(connection: Connection, questions: Sequence[tuple[str, int]]) -> None:
    """Add what lists were asked."""
    counted = sorted((zone, number) for zone, number in questions if number)
    await connection.execute(
        "INSERT INTO blocklist_questions AS q (zone, day, asked)"
        " SELECT zone, current_date, asked FROM unnest($1::text[], $2::bigint[]) AS u (zone, asked)"
        " ON CONFLICT (day, zone) DO UPDATE SET asked = q.asked + EXCLUDED.asked",
        [zone for zone, _ in counted],
        [number for _, number in counted],
    )


async def tell_of_refusals(connection: Connection, refused: Mapping[str, str]) -> None:
    """A task for each list that refuses, by zone with what is to be done; once a day at most."""
    for zone, detail in sorted(refused.items()):
        await ask_person(connection, WatchTask.REFUSES, zone, detail)


async def ask_person(
    connection: Connection, kind: WatchTask, about: str, detail: str, *, once: str | None = None
) -> None:
    """Open a task that belongs to no incident, unless one about the same is open.

    One that is done comes again on another day at the earliest; never, as long as `once` says the
    same.
    """
    await connection.execute(
        "INSERT INTO tasks (key, kind, about, detail)"
        " VALUES ($1 || '/' || $2 || '/' || coalesce($4, current_date::text), $1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        kind,
        about,
        detail,
        once,
    )
