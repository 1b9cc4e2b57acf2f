"""Letters: what they may say, what was written, and what became of them."""

from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Connection

from book.blocklists.listings import standing_listings
from book.incident.incidents import Parties
from book.money import bills, caps
from book.money.balances import charges
from domain.console.portal import LetterRow
from domain.contract import Contract
from domain.ladder import Condition
from domain.letters.causes import Platform, likely_cause, platform_in
from domain.letters.notices import CapLine, ChargeLine, ChargeState, HeldFrom, NoticeFacts
from domain.measures import Measure, Restriction
from domain.money.costs import ChargeKind, Unit
from domain.money.ledger import Standing
from domain.units import Money

_MOST_SAMPLES = 200
"""Messages whose headers are looked at for the cause."""

_MOST_SENDERS = 5
"""Senders of held mail that a letter names; the portal has them all."""


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who the letters come from, and where their portal is."""

    provider: str
    reply_to: str
    secret: str = field(default="", repr=False)
    """Makes Message-IDs: without it, anybody could make up a bounce of a letter."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A letter as it is kept: written once, and the same however often it is handed over."""

    key: str
    message_id: str
    """Of its first delivery."""
    subject: str
    summary: str
    text: str
    html: str
    written_at: datetime
    link: str | None = None
    """To the portal, where the letter has it."""
    in_reply_to: str | None = None
    """The letter before it that was taken, in the same thread."""
    xarf: str | None = None
    """What a client's own abuse system can take in, as JSON."""


async def kept(connection: Connection, key: str) -> Written | None:
    """The letter of this key, if it has been written."""
    row = await connection.fetchrow(
        "SELECT key, message_id, subject, summary, body AS text, html, written_at, link,"
        " in_reply_to, xarf FROM notices WHERE key = $1",
        key,
    )
    return None if row is None else Written(**row)


async def keep(connection: Connection, incident: str, notice: str, letter: Written) -> bool:
    """Write a letter down before it is sent; False when there is one of that key already."""
    kept = await connection.fetchval(
        "INSERT INTO notices (key, incident, notice, message_id, recipients, subject, summary,"
        " body, html, written_at, link, in_reply_to, xarf)"
        " VALUES ($1, $2, $3, $4, '{}', $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT DO NOTHING RETURNING key",
        letter.key,
        incident,
        notice,
        letter.message_id,
        letter.subject,
        letter.summary,
        letter.text,
        letter.html,
        letter.written_at,
        letter.link,
        letter.in_reply_to,
        letter.xarf,
    )
    return kept is not None


_MOST_LETTERS = 12
"""That a page shows: the last ones of an incident that goes on for long."""


async def thread(connection: Connection, incident: str) -> tuple[LetterRow, ...]:
    """The letters to the client as they were sent, the newest first."""
    rows = await connection.fetch(
        "SELECT subject, body AS text, written_at, (SELECT min(taken_at) FROM deliveries"
        "   WHERE notice = n.key) AS taken_at FROM notices n WHERE incident = $1"
        " ORDER BY written_at DESC LIMIT $2",
        incident,
        _MOST_LETTERS,
    )
    return tuple(LetterRow(**row) for row in rows)


async def latest(connection: Connection, incident: str) -> str | None:
    """The Message-ID of the letter that was taken last and has not come back."""
    found: str | None = await connection.fetchval(
        "SELECT d.message_id FROM deliveries d JOIN notices n ON n.key = d.notice"
        " WHERE n.incident = $1 AND d.taken_at IS NOT NULL AND d.failed_at IS NULL"
        " ORDER BY d.taken_at DESC LIMIT 1",
        incident,
    )
    return found


async def _samples(connection: Connection, incident: str) -> list[tuple[str, ...]]:
    """The headers of the messages that reports show, the first reported first."""
    rows = await connection.fetch(
        "SELECT headers FROM reports WHERE incident = $1 AND cardinality(headers) > 0"
        " ORDER BY received_at, id LIMIT $2",
        incident,
        _MOST_SAMPLES,
    )
    return [tuple(row["headers"]) for row in rows]


async def _held_from(connection: Connection, incident: str) -> tuple[HeldFrom, ...]:
    rows = await connection.fetch(
        "SELECT h.sender, count(*) AS messages FROM held_messages h"
        " JOIN measures m ON m.key = h.measure"
        " WHERE m.incident = $1 AND h.fate IS NULL AND m.observed = 'applied'"
        " GROUP BY h.sender ORDER BY messages DESC, h.sender LIMIT $2",
        incident,
        _MOST_SENDERS,
    )
    return tuple(HeldFrom(**row) for row in rows)


async def facts(
    connection: Connection,
    who: Parties,
    sender: Sender,
    *,
    portal_url: str,
    deadline: datetime | None,
    measure: Restriction | None,
    upcoming: Restriction | None,
    reasons: tuple[str, ...] = (),
) -> NoticeFacts:
    """All that a letter about an incident may say now."""
    row = await connection.fetchrow(
        "SELECT i.conditions, i.outcome, r.*, h.*,"
        " (SELECT platform FROM hosts WHERE id = $2) AS platform,"
        " ARRAY(SELECT DISTINCT unnest(also) FROM measures WHERE incident = i.id"
        "   AND wanted = 'applied' ORDER BY 1) AS also FROM incidents i,"
        " LATERAL (SELECT count(*) AS reports, coalesce(sum(volume), 0) AS volume,"
        "   coalesce(min(sent_at), i.opened_at) AS first_seen, max(sent_at) AS last_seen,"
        "   array_remove(array_agg(DISTINCT host(address)), NULL) AS addresses"
        "   FROM reports WHERE incident = i.id) AS r,"
        " LATERAL (SELECT coalesce(sum(held), 0) AS held, coalesce(sum(delivered), 0) AS delivered,"
        "   coalesce(sum(discarded), 0) AS discarded, coalesce(sum(kept), 0) AS kept"
        "   FROM measures WHERE incident = i.id) AS h WHERE i.id = $1",
        who.incident,
        who.service.host,
    )
    assert row is not None
    samples = await _samples(connection, who.incident)
    likely = likely_cause(samples, who.service.addresses)
    platform = Platform(row["platform"]) if row["platform"] else platform_in(samples)
    listings = await standing_listings(connection, who.incident)
    return NoticeFacts(
        incident=who.incident,
        client_name=who.client.name,
        service=who.service.id,
        addresses=tuple(sorted(row["addresses"] or ())),
        domain=who.domain,
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        reports=row["reports"],
        volume=row["volume"],
        cause=likely.cause,
        because=likely.because,
        platform=platform,
        deadline=deadline,
        zone=zone_of(who.contract),
        clause=who.contract.clause,
        jurisdiction=who.contract.jurisdiction,
        measure=measure,
        upcoming=upcoming,
        also=tuple(row["also"]),
        reasons=reasons,
        conditions=tuple(Condition(condition) for condition in row["conditions"]),
        listings=listings,
        charges=await charge_lines(connection, who, measure, upcoming, listed=bool(listings)),
        caps=tuple(
            CapLine(kind=room.kind, cap=room.cap, spent=room.spent)
            for room in await caps.rooms(connection, who)
        ),
        held=row["held"],
        held_from=await _held_from(connection, who.incident) if row["held"] else (),
        smarthost_price=who.contract.prices.smarthost_per_thousand,
        kept=row["kept"],
        delivered=row["delivered"],
        discarded=row["discarded"],
        outcome=row["outcome"],
        sample_headers=samples[0] if samples else (),
        portal_url=portal_url,
        provider=sender.provider,
        reply_to=sender.reply_to,
    )


def zone_of(contract: Contract) -> str:
    """The time zone that a client reads moments in: its calendar's, or UTC."""
    return contract.zone


async def charge_lines(
    connection: Connection,
    who: Parties,
    measure: Restriction | None,
    upcoming: Restriction | None,
    *,
    listed: bool,
) -> tuple[ChargeLine, ...]:
    """The charges made, and the contract's prices that this incident may still come to."""
    made = tuple(map(line_of, await charges(connection, incident=who.incident)))
    charged = {line.kind for line in made}
    contract, possible = who.contract, []
    if listed:
        used, _ = await bills.used(connection, who)
        again = used.earlier_delistings > 0
        possible.append((ChargeKind.DELISTING, "delisting_again" if again else "delisting_first"))
    if Measure.SMARTHOST_REDIRECT in {one.measure for one in (measure, upcoming) if one}:
        possible.append((ChargeKind.SMARTHOST, "smarthost_minimum"))
    ahead = tuple(
        ChargeLine(
            kind=kind,
            amount=getattr(contract.prices, price),
            state=ChargeState.MAY_FALL_DUE,
            clause=contract.clause_of(price),
        )
        for kind, price in possible
        if kind not in charged
    )
    return made + ahead


def line_of(standing: Standing) -> ChargeLine:
    """A charge as a client is shown it."""
    charge = standing.charge
    return ChargeLine(
        kind=charge.kind,
        amount=charge.amount,
        state=standing.state,
        clause=charge.clause,
        unit_price=Money.of(charge.unit_price, charge.amount.currency),
        quantity=charge.quantity,
        unit=Unit(charge.unit),
        left=standing.left,
        evidence=charge.evidence,
        key=charge.key,
    )
