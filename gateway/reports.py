"""`POST /v1/reports`: what others report, verified, bounded, kept, and only then accepted.

Signed as in the Standard Webhooks specification. The reporter names itself in the address,
`/v1/reports?reporter=NAME`, because every sender of webhooks can be given an address and few can be
given a header; only its own keys are tried. `webhook-id` makes a delivery once: sent again it
changes nothing and is answered as the first time.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from book.intake import Accepted, Received, accept
from domain.wire import to_json
from gateway import body
from gateway.formats.port import NotUnderstood, understand
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.metrics import Metrics
from gateway.problems import Problem
from gateway.signatures import NotNow, NotSigned, Signed

log = logging.getLogger("plazo.gateway")

LARGEST = 10 * 1024 * 1024
"""Bytes of a report: a message of a usual mail server's limit, as text."""

_PATIENCE = 20.0
"""Seconds until a report is on record; senders of webhooks give up after 15 to 30."""

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
        401: {"description": "Not signed by that reporter."},
        409: {"description": "Signed too long ago, or in the future."},
        413: {"description": f"Larger than {LARGEST} bytes."},
        422: {"description": "Of no known format; the detail says what was expected."},
        503: {"description": "The book of record is away; send it again after Retry-After."},
    },
    openapi_extra={
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
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
) -> JSONResponse:
    """ARF (RFC 5965) or another message, XARF, or plain JSON; signed as in Standard Webhooks."""
    metrics: Metrics = request.app.state.metrics
    try:
        accepted = await _take(request, gateway, reporter)
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


async def _take(request: Request, gateway: Gateway, reporter: str) -> Accepted:
    received_at = datetime.now(UTC)
    media_type = request.headers.get("content-type", "")[:200]
    signed, content = await _verified(request, gateway, reporter, received_at)
    try:
        # Parsing ten megabytes takes a while, and everybody else's requests go on meanwhile.
        complaints = await asyncio.to_thread(understand, content, media_type, received_at)
    except NotUnderstood as error:
        raise Problem(422, "not-understood", str(error)) from error
    received = Received(
        # Quoted, for a slash in it would run into the name of another report.
        id=quote(signed.id, safe=""),
        reporter=reporter,
        content=content,
        media_type=media_type,
        complaints=complaints,
    )
    try:
        with book_at_hand():
            async with asyncio.timeout(_PATIENCE):
                return await accept(gateway.pool, received)
    except asyncpg.DataError as error:
        raise Problem(422, "not-understood", f"it cannot be put on record: {error}") from error


async def _verified(
    request: Request, gateway: Gateway, reporter: str, now: datetime
) -> tuple[Signed, bytes]:
    secrets = gateway.reporters.get(reporter)
    if secrets is None:
        raise _unauthorized("name a known reporter in the address: /v1/reports?reporter=NAME")
    try:
        signed = Signed.read(request.headers)
        content = await body.read(request, LARGEST)
        signed.verify(content, secrets, now)
    except NotSigned as error:
        raise _unauthorized(str(error)) from error
    except NotNow as error:
        raise Problem(409, "signed-at-another-time", str(error)) from error
    return signed, content


def _unauthorized(why: str) -> Problem:
    headers = {"WWW-Authenticate": "StandardWebhooks"}
    return Problem(401, "not-signed", f"Not signed as in Standard Webhooks: {why}", headers=headers)
