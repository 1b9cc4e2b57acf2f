"""Reports come in: kept first, then attributed to a service and an incident. Nothing is dropped."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection, Pool, Record

from book import audit
from book.database import transaction
from domain.complaints import Complaint
from domain.incident import incident_id

_TRIES = 5
"""Each failure means that another process opened or closed the incident in that very moment."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A report as it came. `id` is the sender's own, the same at every try."""

    id: str
    reporter: str
    content: bytes
    media_type: str
    complaints: tuple[Complaint, ...]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What became of it: the incidents that it joined or opened, or why it is `unplaced`."""

    reports: tuple[str, ...]
    incidents: tuple[str, ...]
    unplaced: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Place:
    service: str
    client: str
    contract: str


async def accept(pool: Pool, received: Received) -> Accepted:
    """Write a report down and join it to its incident; committed when this returns.

    The same `reporter` and `id` again change nothing and are answered the same, whatever else
    comes with them. Neither may hold a slash.
    """
    async with transaction(pool) as connection:
        name = f"{received.reporter}/{received.id}/"
        # Two deliveries of one report at once: the second waits here, and then finds it kept.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", name)
        rows = await _kept(connection, name)
        if not rows:
            await _keep_all(connection, received, name)
            rows = await _kept(connection, name)
    return Accepted(
        reports=tuple(row["id"] for row in rows),
        incidents=tuple(sorted({row["incident"] for row in rows if row["incident"]})),
        unplaced=tuple(row["unplaced"] for row in rows if row["unplaced"]),
    )


async def _kept(connection: Connection, name: str) -> list[Record]:
    """What was kept under a name, from number 0 on: each by the primary key, however many are."""
    rows: list[Record] = await connection.fetch(
        "WITH RECURSIVE kept AS ("
        "  SELECT 0 AS number, id, incident, unplaced FROM reports WHERE id = $1::text || '0'"
        "  UNION ALL SELECT k.number + 1, r.id, r.incident, r.unplaced FROM kept k"
        "    JOIN reports r ON r.id = $1::text || (k.number + 1)::text)"
        " SELECT * FROM kept ORDER BY number",
        name,
    )
    return rows


async def _keep_all(connection: Connection, received: Received, name: str) -> None:
    digest = hashlib.sha256(received.content).digest()
    await connection.execute(
        "INSERT INTO evidence (sha256, body, media_type) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        digest,
        received.content,
        received.media_type,
    )
    placed = [
        (
            await _place(connection, complaint.address, complaint.sent_at),
            f"{name}{number}",
            complaint,
        )
        for number, complaint in enumerate(received.complaints)
    ]
    # In one order, or two reports that open the same two incidents would wait for each other.
    for place, report, complaint in sorted(placed, key=_order):
        await _keep(connection, received.reporter, report, complaint, place, digest)


def _order(placed: tuple[_Place | str, str, Complaint]) -> tuple[str, str]:
    place, report, complaint = placed
    service = place.service if isinstance(place, _Place) else f"/{complaint.address}"
    return service, report


async def _keep(
    connection: Connection,
    reporter: str,
    report: str,
    complaint: Complaint,
    place: _Place | str,
    digest: bytes,
) -> None:
    incident: str | None = None
    unplaced: str | None = None
    if isinstance(place, _Place):
        incident = await _incident(connection, place, complaint)
    else:
        unplaced = place
    await connection.execute(
        "INSERT INTO reports (id, reporter, sent_at, address, domain, sender, message_id, format,"
        " volume, headers, evidence, incident, unplaced)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        report,
        reporter,
        complaint.sent_at,
        complaint.address,
        complaint.domain,
        complaint.sender,
        complaint.message_id,
        complaint.format,
        complaint.volume,
        list(complaint.headers),
        digest,
        incident,
        unplaced,
    )
    if incident is not None:
        await connection.execute("SELECT mark_dirty($1)", incident)
    else:
        await _hand_to_a_person(connection, complaint.address, str(unplaced))


async def _place(connection: Connection, address: str | None, sent_at: datetime) -> _Place | str:
    """Whose address it was when the mail was sent, or why that is not known."""
    if address is None:
        return "the report names no sending address"
    row = await connection.fetchrow(
        "SELECT s.id AS service, s.client, c.id AS contract FROM service_addresses a"
        " JOIN services s ON s.id = a.service"
        " LEFT JOIN contracts c ON c.client = s.client AND c.valid @> $2::timestamptz"
        " WHERE a.address >>= $1::inet AND a.valid @> $2::timestamptz"
        " ORDER BY masklen(a.address) DESC LIMIT 1",
        address,
        sent_at,
    )
    if row is None:
        return f"no service had the address {address} at that time"
    if row["contract"] is None:
        return f"client {row['client']} had no contract in force at that time"
    return _Place(**row)


async def _incident(connection: Connection, place: _Place, complaint: Complaint) -> str:
    """The service's open incident, opened if there is none, and held open until we commit."""
    for _ in range(_TRIES):
        incident = await _open_incident(connection, place.service)
        if incident is None:
            incident = await _open(connection, place, complaint)
        # Closing takes the same lock alone, so it cannot pass by a report that is being kept.
        await connection.execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", incident
        )
        if incident is not None and incident == await _open_incident(connection, place.service):
            return incident
    raise RuntimeError(f"{place.service}: no incident stayed open while the report was kept")


async def _open_incident(connection: Connection, service: str) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT id FROM incidents WHERE service = $1 AND stage <> 'closed'", service
    )
    return found


async def _open(connection: Connection, place: _Place, complaint: Complaint) -> str | None:
    """None when another process has opened one first."""
    number = await connection.fetchval(
        "SELECT coalesce(max(number), 0) + 1 FROM incidents WHERE service = $1", place.service
    )
    incident = incident_id(place.service, number)
    opened = await connection.fetchval(
        "INSERT INTO incidents (id, service, number, client, contract, domain)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id",
        incident,
        place.service,
        number,
        place.client,
        place.contract,
        complaint.domain,
    )
    if opened is None:
        return await _open_incident(connection, place.service)
    body = {
        "kind": "opened",
        "service": place.service,
        "client": place.client,
        "contract": place.contract,
    }
    await audit.append(connection, incident, [("opened", body)])
    return incident


async def _hand_to_a_person(connection: Connection, address: str | None, why: str) -> None:
    """One task for an address, however many reports name it."""
    await connection.execute(
        "INSERT INTO tasks (key, kind, detail) VALUES ($1, 'place_report', $2)"
        " ON CONFLICT DO NOTHING",
        f"unplaced/{address or 'none'}",
        f"{why}: import the address, or look at the reports",
    )
