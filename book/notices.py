"""Letters: what they may say, what was written, and what became of them."""

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from book.incidents import Parties
from book.ledger import used
from book.listings import standing_listings
from domain.contract import Contract
from domain.ladder import Condition
from domain.measures import Measure, Restriction
from domain.money import ChargeKind
from domain.notices import ChargeLine, ChargeState, NoticeFacts
from domain.units import Money


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who the letters come from, and where their portal is."""

    provider: str
    reply_to: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """A letter as it is kept: written once, and the same however often it is handed over."""

    key: str
    message_id: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str
    written_at: datetime
    sent_at: datetime | None


async def kept(connection: Connection, key: str) -> Written | None:
    """The letter of this key, if it has been written."""
    row = await connection.fetchrow(
        "SELECT key, message_id, recipients, subject, body AS text, html, written_at, sent_at"
        " FROM notices WHERE key = $1",
        key,
    )
    return None if row is None else Written(**{**row, "recipients": tuple(row["recipients"])})


async def keep(connection: Connection, incident: str, notice: str, letter: Written) -> bool:
    """Write a letter down before it is sent; False when there is one of that key already."""
    kept = await connection.fetchval(
        "INSERT INTO notices (key, incident, notice, message_id, recipients, subject, body, html,"
        " written_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
        " RETURNING key",
        letter.key,
        incident,
        notice,
        letter.message_id,
        list(letter.recipients),
        letter.subject,
        letter.text,
        letter.html,
        letter.written_at,
    )
    return kept is not None


async def sent(connection: Connection, key: str, response: str) -> None:
    """The mail server has taken it, with these words."""
    await connection.execute(
        "UPDATE notices SET sent_at = coalesce(sent_at, now()), response = $2 WHERE key = $1",
        key,
        response,
    )


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
        " (SELECT headers FROM reports WHERE incident = i.id AND cardinality(headers) > 0"
        "   ORDER BY received_at LIMIT 1) AS sample FROM incidents i,"
        " LATERAL (SELECT count(*) AS reports, coalesce(sum(volume), 0) AS volume,"
        "   coalesce(min(sent_at), i.opened_at) AS first_seen,"
        "   array_remove(array_agg(DISTINCT host(address)), NULL) AS addresses"
        "   FROM reports WHERE incident = i.id) AS r,"
        " LATERAL (SELECT coalesce(sum(held), 0) AS held, coalesce(sum(delivered), 0) AS delivered,"
        "   coalesce(sum(discarded), 0) AS discarded, coalesce(sum(kept), 0) AS kept"
        "   FROM measures WHERE incident = i.id) AS h WHERE i.id = $1",
        who.incident,
    )
    assert row is not None
    listings = await standing_listings(connection, who.incident)
    return NoticeFacts(
        incident=who.incident,
        client_name=who.client.name,
        service=who.service.id,
        addresses=tuple(sorted(row["addresses"] or ())),
        domain=who.domain,
        first_seen=row["first_seen"],
        reports=row["reports"],
        volume=row["volume"],
        deadline=deadline,
        zone=zone_of(who.contract),
        clause=who.contract.clause,
        jurisdiction=who.contract.jurisdiction,
        measure=measure,
        upcoming=upcoming,
        reasons=reasons,
        conditions=tuple(Condition(condition) for condition in row["conditions"]),
        listings=listings,
        charges=await charge_lines(connection, who, measure, upcoming, listed=bool(listings)),
        held=row["held"],
        kept=row["kept"],
        delivered=row["delivered"],
        discarded=row["discarded"],
        outcome=row["outcome"],
        sample_headers=tuple(row["sample"] or ()),
        portal_url=portal_url,
        provider=sender.provider,
        reply_to=sender.reply_to,
    )


def zone_of(contract: Contract) -> str:
    """The time zone that a client reads moments in: its calendar's, or UTC."""
    return contract.calendar.business.zone if contract.calendar.business else "UTC"


async def charge_lines(
    connection: Connection,
    who: Parties,
    measure: Restriction | None,
    upcoming: Restriction | None,
    *,
    listed: bool,
) -> tuple[ChargeLine, ...]:
    """The charges made, and the contract's prices that this incident may still come to."""
    rows = await connection.fetch(
        "SELECT kind, minor, currency, state FROM charges WHERE incident = $1 ORDER BY key",
        who.incident,
    )
    made = tuple(
        ChargeLine(
            kind=ChargeKind(row["kind"]),
            amount=Money(row["minor"], row["currency"]),
            state=ChargeState(row["state"]),
        )
        for row in rows
    )
    charged = {line.kind for line in made}
    prices = who.contract.prices
    possible = []
    if listed:
        again = (await used(connection, who, ())).earlier_delistings > 0
        amount = prices.delisting_again if again else prices.delisting_first
        possible.append((ChargeKind.DELISTING, amount))
    if Measure.SMARTHOST_REDIRECT in {one.measure for one in (measure, upcoming) if one}:
        possible.append((ChargeKind.SMARTHOST, prices.smarthost_minimum))
    ahead = tuple(
        ChargeLine(kind=kind, amount=amount, state=ChargeState.MAY_FALL_DUE)
        for kind, amount in possible
        if kind not in charged
    )
    return made + ahead
