"""What hosts' logs say of large receivers that refuse their addresses: listings without a DNS list.

Each receiver is a pseudo-zone (domain/detection/refusals.py). Like a detection, it is only believed
about an address of a service that is on the caller's own host.
"""

import json
from datetime import datetime

from asyncpg import Connection, Pool

from book.blocklists import periods
from book.blocklists.periods import Seen
from book.database import transaction
from book.intake import detections
from book.intake.attribution import Asked
from book.intake.detections import Decided, TooOld
from book.intake.reports import Received, ReportedOtherwise, keep
from book.intake.reproaches import report
from domain.blocklists.watching import FORMAT
from domain.detection.refusals import Receiver
from domain.detection.refused import AGED, Refused
from domain.intake.attribution import Place
from domain.intake.complaints import Complaint, credible
from domain.wire import to_json


async def accept(pool: Pool, host: str, said: Refused, received_at: datetime) -> None:
    """Write down that a receiver refuses an address of `host`, or takes its mail again.

    A refusal opens the incident of the address's service, or wakes it; that it is over wakes the
    incident too. The same again changes nothing. What is about an address that no service of the
    host has waits for a person. Raises TooMany, TooOld, or ReportedOtherwise when the id was used
    for something else.
    """
    if said.refused_at < received_at - detections.OLDEST:
        raise TooOld(f"it is about mail of {said.refused_at:%Y-%m-%d %H:%M} UTC")
    about = [(said.address, str(said.receiver))]
    async with transaction(pool) as connection:
        await detections.count(connection, host, said.id)
        if not await _is_its_own(connection, host, said, received_at):
            await _leave_to_a_person(connection, host, said, received_at)
        elif said.accepted_at is not None:
            await periods.keep(connection, [], about)
            await periods.tell_incidents(connection, [], about)
        else:
            await periods.keep(connection, [_seen(host, said)], [])
            await periods.tell_incidents(connection, about, [])
    await report(pool, [said.address])


async def age(connection: Connection) -> None:
    """Take for over what no host has told of for a week: nobody knows what would be said now."""
    rows = await connection.fetch(
        "SELECT subject, zone FROM listing_periods WHERE cleared_at IS NULL"
        " AND zone = ANY($1::text[]) AND seen_at < now() - $2::interval",
        [str(each) for each in Receiver],
        AGED,
    )
    gone = [(row["subject"], row["zone"]) for row in rows]
    if gone:
        await periods.keep(connection, [], gone)
        await periods.tell_incidents(connection, [], gone)


def _seen(host: str, said: Refused) -> Seen:
    """A listing of the receiver, with its words and the host's figures as proof."""
    refusal = said.refusal
    assert refusal is not None  # as `Refused` checks
    answer = f"{refusal.code}: {refusal.meaning}; see {refusal.page}"
    proof = {
        "kind": "listing", "address": said.address, "zone": said.receiver, "answer": answer,
        "reason": said.said, "asked": f"{said.host} to take mail",
        "resolver": f"the mail server of {host}", "at": said.refused_at.isoformat(),
        "refused": said.refused, "since": said.began_at.isoformat(),
    }  # fmt: skip
    return Seen(
        address=said.address, zone=said.receiver, answer=answer, reproach=True,
        proof=json.dumps(proof, ensure_ascii=False, sort_keys=True).encode(),
    )  # fmt: skip


async def _is_its_own(
    connection: Connection, host: str, said: Refused, received_at: datetime
) -> bool:
    at = credible(said.refused_at, received_at)
    [found] = await Asked().places(connection, [(said.address, at)])
    if not isinstance(found, Place):
        return False
    its: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM services WHERE id = $1 AND host = $2)", found.service, host
    )
    return its


async def _leave_to_a_person(
    connection: Connection, host: str, said: Refused, received_at: datetime
) -> None:
    if said.accepted_at is not None:
        return
    why = f"{host} says that {said.receiver} refuses {said.address}, which no service on it has"
    received = Received(
        id=said.id,
        reporter=f"host:{host}",
        content=json.dumps(to_json(said), sort_keys=True).encode(),
        media_type="application/json",
        # Without the address: an import would place a foreign one later.
        complaints=(Complaint(format=FORMAT, sent_at=credible(said.refused_at, received_at)),),
    )
    [answer] = await keep(connection, [received], Decided(place=why))
    if isinstance(answer, ReportedOtherwise):
        raise answer
