"""An incident's own row: what is known when it is assessed, how it looks, and its end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Connection, Record

from book.blocklists.listings import REPORTED
from domain.contract import Contract
from domain.incident import Outcome
from domain.ladder import Facts
from domain.parties import Client, ClientKind, Language, Service, ServiceKind
from domain.steps import TaskKind
from domain.wire import from_json

_OUTLIVE = (
    TaskKind.DECIDE_ON_SERVICE, TaskKind.RELEASE_UNCONFIRMED, TaskKind.NOTICE_UNDELIVERABLE,
    TaskKind.USAGE_DIFFERS, TaskKind.BILLING_REFUSED, TaskKind.BILLING_DIFFERS,
)  # fmt: skip
"""Tasks that closing an incident does not settle."""


@dataclass(frozen=True, kw_only=True)
class Parties:
    """Who an incident is about, and on what terms."""

    incident: str
    client: Client
    service: Service
    contract: Contract
    opened_at: datetime
    domain: str | None


async def parties(connection: Connection, incident: str) -> Parties:
    """Raises LookupError when there is no such incident."""
    row = await connection.fetchrow(
        "SELECT i.id, i.opened_at, i.domain, c.terms, s.id AS service, s.kind AS service_kind,"
        " s.host, s.account, p.id AS client, p.name, p.kind, p.language, p.contacts, p.phone,"
        " p.channels,"
        " ARRAY(SELECT text(a.address) FROM service_addresses a WHERE a.service = s.id"
        "   AND a.valid @> now() ORDER BY a.address) AS addresses"
        " FROM incidents i JOIN contracts c ON c.id = i.contract"
        " JOIN services s ON s.id = i.service JOIN clients p ON p.id = i.client WHERE i.id = $1",
        incident,
    )
    if row is None:
        raise LookupError(f"there is no incident {incident}")
    return Parties(
        incident=row["id"],
        client=client_of(row),
        service=Service(
            id=row["service"],
            client=row["client"],
            kind=ServiceKind(row["service_kind"]),
            host=row["host"],
            account=row["account"],
            addresses=tuple(row["addresses"]),
        ),
        contract=from_json(Contract, row["terms"]),
        opened_at=row["opened_at"],
        domain=row["domain"],
    )


def client_of(row: Record) -> Client:
    """A client from a row that has its columns, the id as `client`."""
    return Client(
        id=row["client"],
        name=row["name"],
        kind=ClientKind(row["kind"]),
        language=Language(row["language"]),
        contacts=tuple(row["contacts"]),
        phone=row["phone"],
        channels=tuple(row["channels"]),
    )


async def facts(connection: Connection, who: Parties, listed: tuple[str, ...]) -> Facts:
    """What the ladder decides on. `listed` is what the blocklists have just answered."""
    reported = await connection.fetchrow(
        "SELECT count(*) AS reports, coalesce(sum(counted), 0) AS volume,"  # noqa: S608 - a constant
        " min(sent_at) AS first, mode() WITHIN GROUP (ORDER BY domain) AS domain, now() AS now,"
        f" ARRAY(SELECT host(address) FROM ({REPORTED}) AS theirs) AS addresses"
        " FROM reports WHERE incident = $1",
        who.incident,
    )
    earlier = await connection.fetch(
        "SELECT opened_at FROM incidents WHERE client = $1 AND id <> $2 AND opened_at <= $3"
        # What was no spam, or was withdrawn, does not count against the client.
        " AND coalesce(outcome, '') NOT IN ('false_positive', 'withdrawn') ORDER BY opened_at",
        who.client.id,
        who.incident,
        who.opened_at,
    )
    assert reported is not None
    return Facts(
        now=reported["now"],
        reported_at=who.opened_at,
        earlier=tuple(row["opened_at"] for row in earlier),
        volume=reported["volume"],
        reports=reported["reports"],
        addresses=tuple(sorted(reported["addresses"] or ())),
        listed=listed,
        domain=reported["domain"],
    )


async def keep_domain(connection: Connection, incident: str, domain: str | None) -> None:
    await connection.execute("UPDATE incidents SET domain = $2 WHERE id = $1", incident, domain)


async def close(connection: Connection, incident: str, outcome: Outcome, heard: int | None) -> bool:
    """Close the books, unless there is news past revision `heard` (None: regardless).

    False when it is not closed. Asked again after it has closed, it says so again.
    """
    # Reports that are being joined to this incident hold the lock shared until they commit.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", incident)
    state = await connection.fetchrow(
        "SELECT i.stage, i.outcome, coalesce(w.revision, 0) AS revision,"
        " EXISTS (SELECT FROM dirty d WHERE d.incident = i.id) AS dirty"
        " FROM incidents i LEFT JOIN woken w ON w.incident = i.id WHERE i.id = $1",
        incident,
    )
    if state is None:
        raise LookupError(f"there is no incident {incident}")
    if state["stage"] == "closed":
        if heard is None:  # a person's word came while it was being closed
            await connection.execute(
                "UPDATE incidents SET outcome = $2 WHERE id = $1", incident, outcome
            )
        return True
    if heard is not None and (state["dirty"] or state["revision"] > heard):
        return False
    await connection.execute(
        "WITH told AS (DELETE FROM dirty WHERE incident = $1),"
        " settled AS (UPDATE tasks SET done_at = now(), outcome = $3"
        "   WHERE incident = $1 AND done_at IS NULL AND kind <> ALL($4))"
        " UPDATE incidents SET stage = 'closed', outcome = $2, closed_at = now(), barred = true"
        " WHERE id = $1",
        incident,
        outcome,
        f"the incident was closed as {outcome}",
        list(_OUTLIVE),
    )
    return True


async def offences_since(connection: Connection, incident: str, since: datetime) -> tuple[str, ...]:
    """Offending mail that was sent, or held back, after a moment: one sentence each."""
    found: list[str] = []
    reports: Any = await connection.fetchrow(
        "SELECT count(*) AS n, max(sent_at) AS last FROM reports"
        " WHERE incident = $1 AND sent_at > $2",
        incident,
        since,
    )
    if reports["n"]:
        found.append(f"{reports['n']} reports of mail sent since, the last at {reports['last']}")
    held: Any = await connection.fetchrow(
        "SELECT count(*) AS n, max(h.arrived_at) AS last FROM held_messages h"
        " JOIN measures m ON m.key = h.measure WHERE m.incident = $1 AND h.arrived_at > $2"
        " AND EXISTS (SELECT FROM reports r WHERE r.incident = $1 AND r.sender = h.sender)",
        incident,
        since,
    )
    if held["n"]:
        found.append(f"{held['n']} messages of the reported sender were held since")
    return tuple(found)


async def offenders(connection: Connection, incident: str) -> tuple[str, ...]:
    """The envelope senders that reports name; else `@domain` of the domains that they name."""
    rows = await connection.fetch(
        "SELECT DISTINCT sender, domain FROM reports WHERE incident = $1", incident
    )
    senders = {row["sender"] for row in rows if row["sender"]}
    domains = {f"@{row['domain']}" for row in rows if row["domain"] and not row["sender"]}
    return tuple(sorted(senders | domains))
