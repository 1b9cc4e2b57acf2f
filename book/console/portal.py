"""What a direct client is shown of an incident, and what it may choose from there."""

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from book.console import said
from book.incident.incidents import Parties, parties
from book.incident.measures import restriction_of
from book.letters import notices
from book.letters.notices import Sender
from domain.console.portal import Answerable, PortalPage
from domain.hosts import HeldMessage
from domain.incident import Act, Outcome, Stage, acts_at
from domain.ladder import Condition
from domain.measures import Restriction
from domain.wire import from_json

MOST_HELD = 50
"""Held messages on one page, as many senders as possible among them. The rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whose incident it is, and what decides whether a link opens it and what may be sent."""

    who: Parties
    issue: int
    """Of the links that open it."""
    closed_at: datetime | None
    revision: int
    """Of the workflow's word on how it stands."""
    answerable: Answerable

    @property
    def stage(self) -> Stage:
        return self.answerable.stage


async def portal_page(
    connection: Connection, now: Standing, token: str, sender: Sender
) -> PortalPage:
    """All that the client is shown."""
    who, stands = now.who, now.answerable
    row = await connection.fetchrow(
        "SELECT acknowledged, outcome, now() AS now FROM incidents WHERE id = $1", who.incident
    )
    assert row is not None
    facts = await notices.facts(
        connection, who, sender,
        portal_url="", deadline=stands.deadline, measure=stands.measure, upcoming=stands.upcoming,
    )  # fmt: skip
    held, total = await held_now(connection, who.incident)
    allowed = set(acts_at(stands.stage)) & {Act.ACKNOWLEDGE, Act.FIXED, Act.CONTEST, Act.DISPUTE}
    if held and Act.KEPT_MAIL in acts_at(stands.stage):
        allowed.add(Act.KEPT_MAIL)
    if stands.stage is Stage.CLOSED:
        allowed = {Act.DISPUTE}
    return PortalPage(
        token=token,
        provider=sender.provider,
        reply_to=sender.reply_to,
        now=row["now"],
        facts=facts,
        answerable=stands,
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        held=held,
        held_total=total,
        letters=await notices.thread(connection, who.incident),
        said=await said.by_client(connection, who),
        acknowledged=row["acknowledged"],
        acts=tuple(act for act in Act if act in allowed),
    )


async def standing(connection: Connection, incident: str) -> Standing | None:
    """None when there is no such incident."""
    row = await connection.fetchrow(
        "SELECT stage, conditions, view_revision, link_issue, closed_at, deadline, measure,"
        " upcoming, fixed_at FROM incidents WHERE id = $1",
        incident,
    )
    if row is None:
        return None
    upcoming = row["upcoming"]
    return Standing(
        who=await parties(connection, incident),
        issue=row["link_issue"],
        closed_at=row["closed_at"],
        revision=row["view_revision"],
        answerable=Answerable(
            stage=Stage(row["stage"]),
            deadline=row["deadline"],
            measure=await in_force(connection, incident, row["measure"]),
            upcoming=None if upcoming is None else from_json(Restriction, upcoming),
            conditions=tuple(map(Condition, row["conditions"])),
            fixed_at=row["fixed_at"],
        ),
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


_HELD = (
    "WITH held AS (SELECT queue_id, sender, recipients, bytes, arrived_at FROM held_messages h"
    " JOIN measures m ON m.key = h.measure WHERE m.incident = $1"
    " GROUP BY queue_id, sender, recipients, bytes, arrived_at"
    " HAVING bool_and(h.fate IS NULL OR h.fate = 'kept')) "
)
"""Once each, though one measure after the other held it; those that stayed held at its end too."""


async def count_held(connection: Connection, incident: str) -> int:
    """Messages that are on hold because of the incident."""
    count: int = await connection.fetchval(
        _HELD + "SELECT count(*) FROM held",  # noqa: S608 - a constant
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


async def held_now(connection: Connection, incident: str) -> tuple[tuple[HeldMessage, ...], int]:
    """Messages that are held now, as many as a page shows, and how many there are."""
    rows = await connection.fetch(
        _HELD + "SELECT queue_id, sender, recipients, bytes, arrived_at FROM ("  # noqa: S608
        "  SELECT *, row_number() OVER (PARTITION BY sender ORDER BY arrived_at) AS nth FROM held)"
        " AS each ORDER BY nth, arrived_at LIMIT $2",
        incident,
        MOST_HELD,
    )
    shown = (HeldMessage(**row) for row in rows)
    held = tuple(sorted(shown, key=lambda message: (message.arrived_at, message.queue_id)))
    total = len(held) if len(held) < MOST_HELD else await count_held(connection, incident)
    return held, total
