"""`POST /v1/reports`: what others report, verified, bounded, kept, and only then accepted.

The reporter names itself in the address, `/v1/reports?reporter=NAME`, because every sender of
webhooks can be given an address and few can be given a header; only its own keys are tried (see
`keys`). A delivery is kept once: sent again it changes nothing and is answered as the first
time, and another under the same `webhook-id` is refused.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from book.intake import Accepted, Received, ReportedOtherwise
from domain.complaints import Complaint, canonical_address
from domain.wire import to_json
from gateway.formats.forwarded import the_spam_itself
from gateway.formats.port import NotUnderstood, understand
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.keys import keys_of
from gateway.metrics import Metrics
from gateway.problems import Problem
from gateway.signatures import NotNow, NotSigned
from gateway.verification import Delivery, verified

log = logging.getLogger("plazo.gateway")

LARGEST = 10 * 1024 * 1024
"""Bytes of a report: a message of a usual mail server's limit, as text."""

_PATIENCE = 20.0
"""Seconds until a report is on record; senders of webhooks give up after 15 to 30."""

_SMALL = 64 * 1024
"""Bytes that are understood at once, in a millisecond or few; a thread costs as much."""

_FORMATS = ("message/rfc822", "application/json", "application/xarf+json")

router = APIRouter(tags=["reports"])


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a report: `unplaced` says why a person has to look at it."""

    reports: tuple[str, ...]
    incidents: tuple[str, ...]
    unplaced: tuple[str, ...]


@router.post(
    "/v1/reports",
    status_code=202,
    summary="Report offending mail",
    responses={
        202: {"model": Taken, "description": "On record."},
        401: {"description": "Not proved to be of that reporter."},
        409: {"description": "Signed at another time, or another report had the same webhook-id."},
        413: {"description": f"Larger than {LARGEST} bytes."},
        422: {"description": "Of no known format; the detail says what was expected."},
        503: {"description": "The book of record is away; send it again after Retry-After."},
    },
    openapi_extra={
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ],
        "requestBody": {
            "required": True,
            "content": {name: {"schema": {"type": "string"}} for name in _FORMATS},
        },
    },
)
async def report(
    request: Request,
    gateway: TheGateway,
    reporter: Annotated[
        str, Query(description="Who reports: the name that its keys are under")
    ] = "",
    address: Annotated[
        str, Query(description="Where the mail left from, if the report itself does not tell")
    ] = "",
    spam: Annotated[
        bool, Query(description="The body is the offending message itself, as it was received")
    ] = False,
) -> JSONResponse:
    """ARF (RFC 5965) or another message, XARF, events, or plain JSON; signed by the reporter."""
    metrics: Metrics = request.app.state.metrics
    try:
        accepted = await _take(request, gateway, reporter, address, is_the_spam=spam)
    except Problem as problem:
        metrics.reports.labels(problem.kind).inc()
        log.info("report refused", extra={"why": problem.kind, "detail": problem.detail})
        raise
    metrics.reports.labels("accepted").inc()
    log.info("report accepted", extra={"reporter": reporter, "incidents": accepted.incidents})
    taken = Taken(
        reports=accepted.reports, incidents=accepted.incidents, unplaced=accepted.unplaced
    )
    return JSONResponse(to_json(taken), 202)


async def _take(
    request: Request, gateway: Gateway, reporter: str, address: str, *, is_the_spam: bool
) -> Accepted:
    received_at = datetime.now(UTC)
    media_type = request.headers.get("content-type", "")[:200]
    delivery = await _verified(request, gateway, reporter, received_at)
    if (address or is_the_spam) and not delivery.query_too:
        raise Problem(
            401,
            "not-signed",
            "The signature does not cover the query; name the reporter only in it.",
        )
    unread: str | None = None
    try:
        complaints = await _understood(delivery.content, media_type, received_at, is_the_spam)
    except NotUnderstood as error:
        if not error.for_a_person:
            raise Problem(422, "not-understood", str(error)) from error
        complaints, unread = (), str(error)
    received = Received(
        # Quoted, for a slash in it would run into the name of another report.
        id=quote(delivery.id, safe=""),
        reporter=reporter,
        content=delivery.content,
        media_type=media_type,
        complaints=_from(address, complaints),
        unread=unread,
    )
    try:
        with book_at_hand():
            async with asyncio.timeout(_PATIENCE):
                return await gateway.intake.accept(received)
    except ReportedOtherwise as error:
        raise Problem(409, "already-reported-otherwise", str(error)) from error
    except asyncpg.DataError as error:
        raise Problem(422, "not-understood", f"it cannot be put on record: {error}") from error


async def _understood(
    content: bytes, media_type: str, received_at: datetime, is_the_spam: bool
) -> tuple[Complaint, ...]:
    if is_the_spam:
        return the_spam_itself(content, received_at)
    if len(content) <= _SMALL:
        return understand(content, media_type, received_at)
    # Parsing ten megabytes takes a while, and everybody else's requests go on meanwhile.
    return await asyncio.to_thread(understand, content, media_type, received_at)


def _from(address: str, complaints: tuple[Complaint, ...]) -> tuple[Complaint, ...]:
    """The complaints, those that name no address with the one that the reporter gives for all."""
    if not address:
        return complaints
    known = canonical_address(address)
    if known is None:
        raise Problem(422, "not-understood", f'"{address[:60]}" in the query is no IP address')
    return tuple(
        each if each.address is not None else replace(each, address=known) for each in complaints
    )


async def _verified(request: Request, gateway: Gateway, reporter: str, now: datetime) -> Delivery:
    written = gateway.reporters.get(reporter, ())
    keys = keys_of(tuple(written))
    try:
        if not written:
            raise NotSigned("name a known reporter in the address: /v1/reports?reporter=NAME")
        return await verified(request, reporter, keys, now, LARGEST)
    except NotSigned as error:
        headers = {"WWW-Authenticate": keys.challenge()}
        raise Problem(
            401, "not-signed", f"Not proved to be of that reporter: {error}", headers=headers
        ) from error
    except NotNow as error:
        raise Problem(409, "signed-at-another-time", str(error)) from error
