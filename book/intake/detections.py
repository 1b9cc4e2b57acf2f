"""What hosts' own detectors found, on its way into intake: always about a service of that host.

A managed server's client may be root on it, so its key is not believed about anything else. The
service is found among those of the caller's own host, in the transaction that keeps the report, and
intake is given that service instead of looking for one by an address that the caller chose.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Connection, Pool

from book.database import transaction
from book.intake.attribution import Asked, Mail
from book.intake.reports import Accepted, Received, ReportedOtherwise, keep
from domain.hosts import Detection
from domain.intake.attribution import Place, without_contract
from domain.intake.complaints import MOST_MESSAGES, Complaint, credible
from domain.wire import to_json

FORMAT = "host_agent"

MOST_AN_HOUR = 60
"""New detections of one host. An outbreak is told once an hour, and few hosts have that many."""

OLDEST = timedelta(days=7)
"""Of what an agent still tells when it comes back: mail that is older has left every queue."""

_REMEMBERED = timedelta(days=1)
"""How long the rate is kept; that a report is kept once, intake knows for ever."""


class TooMany(Exception):
    """This host has handed in too many detections within the hour; the rest can come later."""


class TooOld(ValueError):
    """It is about mail of more than a week ago, which nobody can be told to end."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """An `Attribution` (book/intake/attribution.py) that was made already."""

    place: Place | str

    async def places(self, connection: Connection, mails: Sequence[Mail]) -> list[Place | str]:
        return [self.place] * len(mails)


async def accept(pool: Pool, host: str, said: Detection, received_at: datetime) -> Accepted:
    """Write down what the agent of `host` found, and join it to its service's incident.

    The same again changes nothing. Raises TooMany, TooOld, or ReportedOtherwise when the id was
    used for something else.
    """
    if said.seen_at < received_at - OLDEST:
        raise TooOld(f"it is about mail of {said.seen_at:%Y-%m-%d %H:%M} UTC, a week ago or more")
    sent_at = credible(said.sent_at, received_at)
    async with transaction(pool) as connection:
        await count(connection, host, said.id)
        place, address = await _place(connection, host, said.address, sent_at)
        received = Received(
            id=said.id,
            reporter=f"host:{host}",
            content=json.dumps(to_json(said), sort_keys=True).encode(),
            media_type="application/json",
            complaints=(
                Complaint(
                    format=FORMAT,
                    sent_at=sent_at,
                    # Of the host's own service or none: an import would place a foreign one later.
                    address=address,
                    domain=said.domain,
                    volume=min(max(1, said.new), MOST_MESSAGES),
                ),
            ),
        )
        [answer] = await keep(connection, [received], Decided(place=place))
    if isinstance(answer, ReportedOtherwise):
        raise answer
    return answer


async def count(connection: Connection, host: str, name: str) -> None:
    """One more of this host, unless it is known. Raises TooMany."""
    # In turn, so that many at once are counted one after another.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 5))", host)
    if await connection.fetchval(
        "SELECT true FROM detections WHERE host = $1 AND id = $2", host, name
    ):
        return
    within_an_hour = await connection.fetchval(
        "SELECT count(*) FROM detections WHERE host = $1"
        " AND received_at > now() - interval '1 hour'",
        host,
    )
    if within_an_hour >= MOST_AN_HOUR:
        raise TooMany(f"{host} has handed in {within_an_hour} detections within the hour")
    await connection.execute(
        "DELETE FROM detections WHERE host = $1 AND received_at < now() - $2::interval",
        host,
        _REMEMBERED,
    )
    await connection.execute("INSERT INTO detections (host, id) VALUES ($1, $2)", host, name)


async def _place(
    connection: Connection, host: str, address: str | None, sent_at: datetime
) -> tuple[Place | str, str | None]:
    """The service of this host that it is about, and its address; or why that is not known."""
    rows = await connection.fetch(
        "SELECT s.id AS service, s.client, c.id AS contract FROM services s"
        " LEFT JOIN contracts c ON c.client = s.client AND c.valid @> $2::timestamptz"
        " WHERE s.host = $1 ORDER BY s.id",
        host,
        sent_at,
    )
    own = {row["service"]: row for row in rows}
    if address is not None:
        [found] = await Asked().places(connection, [(address, sent_at)])
        if isinstance(found, Place) and found.service in own:
            return found, address
    if len(own) != 1:
        return f"{host} sends too much, and {_which(host, len(own), address)}", None
    [row] = own.values()
    if row["contract"] is None:
        return without_contract(row["client"]), None
    place = Place(service=row["service"], client=row["client"], contract=row["contract"])
    return place, await _only_address(connection, place.service, sent_at)


def _which(host: str, services: int, address: str | None) -> str:
    if not services:
        return "no service is on it"
    given = "gave no address" if address is None else f"gave {address}, which none of them has"
    return f"{services} services are on it: its agent {given} (PLAZO_ADDRESS)"


async def _only_address(connection: Connection, service: str, at: datetime) -> str | None:
    """The one address that a service had, if it had no other; which of several sent is unknown."""
    rows = await connection.fetch(
        "SELECT host(address) AS address, masklen(address) = CASE family(address) WHEN 4 THEN 32"
        " ELSE 128 END AS single FROM service_addresses"
        " WHERE service = $1 AND valid @> $2::timestamptz LIMIT 2",
        service,
        at,
    )
    return rows[0]["address"] if len(rows) == 1 and rows[0]["single"] else None
