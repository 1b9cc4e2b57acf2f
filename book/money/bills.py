"""What an incident owes and is not charged yet, brought onto the ledger within the contract's caps.

Asked again, it enters nothing twice: what is owed is reckoned anew each time, and only what the
ledger does not have is entered. Tax is no matter of the ledger: the billing system adds it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from asyncpg import Connection

from book.incident import audit
from book.incident.incidents import Parties
from book.money.caps import rooms
from book.money.corrections import forgive
from book.money.ledger import PROGRAM, enter_charge, lock
from book.money.usage import usage
from domain.incident import Outcome
from domain.ladder import Term
from domain.money import costs as money
from domain.money.costs import ChargeKind, Due, Evidence, EvidenceKind, Room, Used
from domain.money.ledger import Entry, EntryKind
from domain.steps import TaskKind
from domain.units import Money


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What is owed beyond what is charged: `quantity` and `amount` are of the difference."""

    key: str
    due: Due
    quantity: Decimal
    amount: Money
    before: Money | None
    """What was charged of it before; None where nothing was."""
    evidence: tuple[Evidence, ...]


async def used(connection: Connection, who: Parties) -> tuple[Used, tuple[Evidence, ...]]:
    """What an incident has used so far, and the listings and readings that say so."""
    row = await connection.fetchrow(
        "SELECT ARRAY(SELECT host(address) || ' ' || zone FROM listings WHERE incident = $1"
        "   ORDER BY address, zone) AS listings,"
        " (SELECT count(DISTINCT c.incident) FROM charges c JOIN incidents i ON i.id = c.incident"
        "   WHERE c.client = $2 AND c.kind = 'delisting' AND c.state <> 'voided'"
        "   AND c.incident <> $1 AND i.opened_at < $3"
        "   AND c.entered_at > now() - make_interval(months => $4)) AS earlier",
        who.incident,
        who.client.id,
        who.opened_at,
        who.contract.window_months,
    )
    assert row is not None
    metered = await usage(connection, who.incident)
    evidence = [Evidence(what=EvidenceKind.LISTING, ref=each) for each in row["listings"]]
    readings = (str(number) for number in metered.evidence)
    evidence += [Evidence(what=EvidenceKind.METER, ref=each) for each in readings]
    found = Used(
        listed=bool(row["listings"]),
        earlier_delistings=row["earlier"],
        relayed=metered.quantity,
    )
    return found, tuple(evidence)


async def charge(
    connection: Connection, who: Parties, accepted: tuple[Term, ...] = ()
) -> tuple[str, ...]:
    """Bring the ledger to what the incident owes; every charge that stands, one sentence each.

    What is on it already is not charged again: after a relapse only the difference is. An incident
    that was set right is charged nothing more, however late an attempt comes; one that has closed
    only the months of its dedicated address, and what its smarthost tells late.
    """
    for each in await owed(connection, who, accepted):
        await _enter(connection, who, each)
    await forgive(connection, who.incident)
    rows = await connection.fetch(
        "SELECT kind, amount, currency, state, reason FROM charges WHERE incident = $1"
        " ORDER BY kind, number",
        who.incident,
    )
    return tuple(
        f"{row['kind']}: {Money.of(row['amount'], row['currency'])} ({row['state']}):"
        f" {row['reason']}"
        for row in rows
    )


async def charge_only(connection: Connection, who: Parties, kind: ChargeKind) -> tuple[str, ...]:
    """Charge what is owed of one kind, beside the incident's own bill; the keys of what is new.

    Months of a dedicated address begin, and calls are made, when no step of the workflow is about
    to bill. They are put on the incident's audit chain from here.
    """
    entered = []
    for each in await owed(connection, who, ()):
        if each.due.kind is kind and await _enter(connection, who, each):
            entered.append(each)
    await forgive(connection, who.incident)
    body = {"kind": "decision", "what": "charged", "by": PROGRAM}
    await audit.append(
        connection,
        who.incident,
        [
            (f"ledger:{each.key}", body | {"reasons": [f"{each.amount}: {each.due.reason}"]})
            for each in entered
        ],
    )
    return tuple(each.key for each in entered)


async def addresses_in_force(connection: Connection, after: str, limit: int) -> tuple[str, ...]:
    """Incidents whose dedicated address is in force, by name, beyond `after`."""
    rows = await connection.fetch(
        "SELECT incident FROM dedicated_addresses WHERE until IS NULL AND incident > $1"
        " ORDER BY incident LIMIT $2",
        after,
        limit,
    )
    return tuple(row["incident"] for row in rows)


async def owed(
    connection: Connection, who: Parties, accepted: tuple[Term, ...]
) -> tuple[Pending, ...]:
    """What is not charged yet, without the cap. Locks the ledger of the incident."""
    await lock(connection, who.incident, who.contract.id)
    state = await connection.fetchrow(
        "SELECT barred, outcome FROM incidents WHERE id = $1", who.incident
    )
    assert state is not None
    closed = state["outcome"] in (Outcome.REMEDIATED, Outcome.TERMINATED)
    if state["barred"] and not closed:
        return ()
    if Term.DEDICATED_ADDRESS in accepted and not state["barred"]:
        await connection.execute(
            "INSERT INTO dedicated_addresses (incident, since) VALUES ($1, now())"
            " ON CONFLICT DO NOTHING",
            who.incident,
        )
    found, evidence = await used(connection, who)
    of_kind = {ChargeKind.DELISTING: EvidenceKind.LISTING, ChargeKind.SMARTHOST: EvidenceKind.METER}
    pending = []
    for due in money.bill(found, who.contract):
        rests_on = tuple(each for each in evidence if each.what is of_kind[due.kind])
        more = await _difference(connection, who.incident, due, rests_on)
        pending += [] if more is None else [more]
    pending += await _months(connection, who)
    pending += await _calls(connection, who)
    after_the_end = (ChargeKind.SMARTHOST, ChargeKind.DEDICATED_ADDRESS)
    return tuple(each for each in pending if not state["barred"] or each.due.kind in after_the_end)


async def _difference(
    connection: Connection, incident: str, due: Due, evidence: tuple[Evidence, ...]
) -> Pending | None:
    """What is owed of one kind beyond what was charged; what a cap has cut counts as charged."""
    row = await connection.fetchrow(
        "SELECT count(*) AS n, coalesce(sum(coalesce(before_cap, amount)), 0) AS amount,"
        " coalesce(sum(quantity) FILTER (WHERE unit = $3), 0) AS quantity"
        " FROM ledger WHERE incident = $1 AND kind = $2 AND entry = 'charge'",
        incident,
        due.kind,
        due.unit,
    )
    assert row is not None
    before = Money.of(row["amount"], due.amount.currency)
    more = due.amount.minus(before)
    if row["n"] and more.minor <= 0:
        return None
    return Pending(
        key=f"{incident}/{due.kind}/{row['n'] + 1}",
        due=due,
        quantity=max(due.quantity - row["quantity"], Decimal(0)),
        amount=more,
        before=before if row["n"] else None,
        evidence=evidence,
    )


async def _months(connection: Connection, who: Parties) -> list[Pending]:
    row = await connection.fetchrow(
        "SELECT since, now() AS now, ARRAY(SELECT key FROM ledger WHERE incident = $1"
        "   AND kind = 'dedicated_address' AND entry = 'charge') AS keys"
        " FROM dedicated_addresses WHERE incident = $1 AND until IS NULL",
        who.incident,
    )
    if row is None:
        return []
    since: datetime = row["since"]
    found = []
    for number in range(1, money.begun_months(since, row["now"]) + 1):
        key = f"{who.incident}/{ChargeKind.DEDICATED_ADDRESS}/{number}"
        if key not in row["keys"]:
            due = money.month(number, money.month_begins(since, number), who.contract)
            agreed = Evidence(what=EvidenceKind.AGREEMENT, ref=f"{since:%Y-%m-%d}")
            found.append(_whole(key, due, agreed))
    return found


async def _calls(connection: Connection, who: Parties) -> list[Pending]:
    """Phone calls that a person has put minutes to, each charged once."""
    rows = await connection.fetch(
        "SELECT t.key, t.minutes FROM tasks t WHERE t.incident = $1 AND t.kind = $2"
        " AND t.minutes > 0 AND t.done_at IS NOT NULL AND NOT EXISTS (SELECT FROM ledger"
        "   WHERE key = t.key || '/staff_time') ORDER BY t.done_at, t.key",
        who.incident,
        TaskKind.CALL_CLIENT,
    )
    found = []
    for row in rows:
        due = money.call(row["minutes"], who.contract)
        if due is not None:
            proof = Evidence(what=EvidenceKind.CALL, ref=row["key"])
            found.append(_whole(f"{row['key']}/{ChargeKind.STAFF_TIME}", due, proof))
    return found


def _whole(key: str, due: Due, evidence: Evidence) -> Pending:
    return Pending(
        key=key, due=due, quantity=due.quantity, amount=due.amount, before=None,
        evidence=(evidence,),
    )  # fmt: skip


async def _enter(connection: Connection, who: Parties, pending: Pending) -> bool:
    """Enter it, cut at the contract's caps."""
    due = pending.due
    amount, said = money.cut(pending.amount, await rooms(connection, who))
    before = "" if pending.before is None else f"less {pending.before} charged before"
    entry = Entry(
        key=pending.key,
        entry=EntryKind.CHARGE,
        of=None,
        incident=who.incident,
        client=who.client.id,
        contract=who.contract.id,
        clause=due.clause,
        kind=due.kind,
        quantity=pending.quantity,
        unit=due.unit,
        unit_price=due.unit_price.amount,
        amount=amount,
        reason="; ".join(filter(None, (due.reason, before, said))),
        by=PROGRAM,
        evidence=pending.evidence,
        entered_at=datetime.max.replace(tzinfo=UTC),  # the database's
    )
    return await enter_charge(connection, entry, pending.amount if said else None)


async def near_caps(
    connection: Connection, who: Parties, accepted: tuple[Term, ...] = ()
) -> tuple[Room, ...]:
    """Caps that what is charged and owed comes near, and that the desk has no task about yet."""
    found = await rooms(connection, who)
    if not found:
        return ()
    pending = await owed(connection, who, accepted)
    more = Money(sum(each.amount.minor for each in pending), who.contract.prices.currency)
    told = await connection.fetch(
        "SELECT key FROM tasks WHERE key = ANY($1)", [room.key for room in found]
    )
    known = {row["key"] for row in told}
    return tuple(room for room in found if room.near(more) and room.key not in known)
