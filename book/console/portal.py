"""What a direct client is shown of an incident, and what it may choose from there."""

from dataclasses import dataclass

from asyncpg import Connection, Record

from book.blocklists.listings import standing_listings
from book.incident.incidents import Parties, parties
from book.incident.measures import restriction_of
from book.letters.notices import Sender, charge_lines, zone_of
from domain.console.pages import PortalPage
from domain.hosts import HeldMessage
from domain.incident import Act, Stage, acts_at
from domain.ladder import Condition
from domain.measures import Restriction
from domain.wire import from_json

MOST_HELD = 200
"""Held messages on one page, as many senders as possible among them. The rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whose incident it is, where it stands, and the revision of the view that says so."""

    who: Parties
    stage: Stage
    conditions: tuple[Condition, ...]
    revision: int


async def portal_page(
    connection: Connection, incident: str, token: str, sender: Sender
) -> PortalPage:
    """Raises LookupError when there is no such incident."""
    who = await parties(connection, incident)
    row = await _row(connection, incident)
    measure = await in_force(connection, incident, row["measure"])
    upcoming = None if row["upcoming"] is None else from_json(Restriction, row["upcoming"])
    listings = await standing_listings(connection, incident)
    stage = Stage(row["stage"])
    allowed = acts_at(stage)
    held, total = await held_now(connection, incident)
    return PortalPage(
        token=token,
        incident=incident,
        provider=sender.provider,
        reply_to=sender.reply_to,
        client_name=who.client.name,
        service=who.service.id,
        addresses=tuple(sorted(row["addresses"] or ())),
        domain=who.domain,
        zone=zone_of(who.contract),
        now=row["now"],
        stage=stage,
        first_seen=row["first_seen"],
        reports=row["reports"],
        volume=row["volume"],
        deadline=row["deadline"],
        measure=measure,
        upcoming=upcoming,
        conditions=tuple(Condition(condition) for condition in row["conditions"]),
        listings=listings,
        charges=await charge_lines(connection, who, measure, upcoming, listed=bool(listings)),
        held=held,
        held_total=total,
        acknowledged=row["acknowledged"],
        may_acknowledge=Act.ACKNOWLEDGE in allowed,
        may_fix=Act.FIXED in allowed,
        fixed_at=row["fixed_at"],
    )


async def standing(connection: Connection, incident: str) -> Standing | None:
    """None when there is no such incident."""
    row = await connection.fetchrow(
        "SELECT stage, conditions, view_revision FROM incidents WHERE id = $1", incident
    )
    if row is None:
        return None
    return Standing(
        who=await parties(connection, incident),
        stage=Stage(row["stage"]),
        conditions=tuple(Condition(condition) for condition in row["conditions"]),
        revision=row["view_revision"],
    )


async def never_held(
    connection: Connection, incident: str, senders: tuple[str, ...], messages: tuple[str, ...]
) -> tuple[str, ...]:
    """Those senders and queue ids that no measure of this incident has ever held."""
    rows = await connection.fetch(
        "WITH held AS (SELECT h.sender, h.queue_id FROM held_messages h"
        "   JOIN measures m ON m.key = h.measure WHERE m.incident = $1)"
        " SELECT given FROM unnest($2::text[]) AS s (given)"
        "   WHERE given NOT IN (SELECT sender FROM held)"
        " UNION ALL SELECT given FROM unnest($3::text[]) AS m (given)"
        "   WHERE given NOT IN (SELECT queue_id FROM held)",
        incident,
        list(senders),
        list(messages),
    )
    return tuple(row["given"] for row in rows)


async def count_held(connection: Connection, incident: str) -> int:
    """Messages that the incident's measures hold back now."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM held_messages h JOIN measures m ON m.key = h.measure"
        " WHERE m.incident = $1 AND h.fate IS NULL",
        incident,
    )
    return count


async def in_force(
    connection: Connection, incident: str, described: str | None
) -> Restriction | None:
    """The measure that an incident's view describes as being in force."""
    rows = await connection.fetch(
        "SELECT measure, scope, targets FROM measures WHERE incident = $1 ORDER BY asked_at DESC",
        incident,
    )
    found = (restriction_of(row) for row in rows)
    return next((one for one in found if str(one) == described), None)


async def _row(connection: Connection, incident: str) -> Record:
    row = await connection.fetchrow(
        "SELECT i.*, r.*, now() AS now FROM incidents i,"
        " LATERAL (SELECT count(*) AS reports, coalesce(sum(volume), 0) AS volume,"
        "   coalesce(min(sent_at), i.opened_at) AS first_seen,"
        "   array_remove(array_agg(DISTINCT host(address)), NULL) AS addresses"
        "   FROM reports WHERE incident = i.id) AS r WHERE i.id = $1",
        incident,
    )
    assert row is not None
    return row


async def held_now(connection: Connection, incident: str) -> tuple[tuple[HeldMessage, ...], int]:
    """Messages that are held now, as many as a page shows, and how many there are."""
    rows = await connection.fetch(
        "SELECT queue_id, sender, recipients, bytes, arrived_at FROM ("
        "  SELECT h.*, row_number() OVER (PARTITION BY sender ORDER BY arrived_at) AS nth"
        "  FROM held_messages h JOIN measures m ON m.key = h.measure"
        "  WHERE m.incident = $1 AND h.fate IS NULL) AS each"
        " ORDER BY nth, arrived_at LIMIT $2",
        incident,
        MOST_HELD,
    )
    shown = (HeldMessage(**row) for row in rows)
    held = tuple(sorted(shown, key=lambda message: (message.arrived_at, message.queue_id)))
    total = len(held) if len(held) < MOST_HELD else await count_held(connection, incident)
    return held, total
