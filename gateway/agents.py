"""The agents' interface: a host asks for its own desired state, and says what it saw.

A managed server's owner may be root on it, so its key opens what is its own and nothing else. No
question names a host: the key is the host.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
from asyncpg import Connection
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from book.database import transaction
from book.incident import measures
from book.intake import campaigns, detections, refused
from book.intake.reports import ReportedOtherwise
from domain.detection.refused import Refused
from domain.hosts import DesiredState, Detection, Report
from domain.wire import JSON, WireError, from_text, to_json
from gateway import body
from gateway.at_once import AtOnce
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.problems import Problem
from gateway.wake import Wake

log = logging.getLogger("plazo.gateway")

LARGEST = 16 * 1024 * 1024
"""Bytes of what an agent says at once: a queue of 100,000 held messages has about as many."""

LARGEST_DETECTION = 64 * 1024
"""Bytes of one: its reasons, and numbers."""

LONGEST_WAIT = 55
"""Seconds of a long poll; proxies cut at 60."""

_bearer = HTTPBearer(auto_error=False, scheme_name="host_key", description="From `plazo enrol`")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@asynccontextmanager
async def _at_hand(gateway: Gateway) -> AsyncIterator[Connection]:
    with book_at_hand():
        async with gateway.pool.acquire() as connection:
            yield connection


async def _host(connection: Connection, credentials: HTTPAuthorizationCredentials | None) -> str:
    host = None
    if credentials is not None:
        host = await measures.host_of(connection, credentials.credentials)
    if host is None:
        raise Problem(
            401,
            "unknown-key",
            "No host has this key; enrol the host again and give its agent the new one.",
            headers={"WWW-Authenticate": 'Bearer realm="plazo agents"'},
        )
    return host


async def _posting(
    request: Request, gateway: TheGateway, credentials: Credentials
) -> AsyncIterator[str]:
    """Whose key it is, while a few others of that host at most are being answered."""
    async with _at_hand(gateway) as connection:
        host = await _host(connection, credentials)
    posts: AtOnce = request.app.state.posts
    with posts.one(host):
        yield host


Posting = Annotated[str, Depends(_posting)]

router = APIRouter(tags=["agents"])


@router.get(
    "/v1/agent/desired",
    summary="The desired state of the caller's own host",
    responses={
        200: {"model": DesiredState, "description": "Newer than `after`."},
        204: {"description": "Nothing newer within `wait` seconds."},
        401: {"description": "Unknown key."},
        429: {"description": "Another poll of this host waits; later, after Retry-After."},
    },
)
async def desired(
    request: Request,
    gateway: TheGateway,
    credentials: Credentials,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT)] = 0,
) -> Response:
    """Long poll: answered at once when something changes, else after `wait` seconds."""
    wake: Wake = request.app.state.wake
    until = asyncio.get_running_loop().time() + wait
    async with _at_hand(gateway) as connection:
        host = await _host(connection, credentials)
    polls: AtOnce = request.app.state.polls
    with polls.one(host):
        async with wake.waiting_for(host) as turn:
            while True:
                # The key is asked for again: it may have been replaced while the poll was waiting.
                async with _at_hand(gateway) as connection:
                    await _host(connection, credentials)
                    state = await measures.desired(connection, host)
                    # After the revision was read: they may be newer than it says, never older.
                    told_of = await campaigns.of_host(connection, host)
                # An older revision is news too: the book may have been restored from a backup.
                if state.revision != after:
                    return JSONResponse(_spelled(replace(state, campaigns=told_of)))
                if not await turn.next(until):
                    return Response(status_code=204)


@router.post(
    "/v1/agent/observations",
    status_code=204,
    summary="What the caller saw of its own measures",
    responses={
        401: {"description": "Unknown key."},
        403: {"description": "A measure of another host; nothing of the report was kept."},
        413: {"description": f"Larger than {LARGEST} bytes."},
        422: {"description": "Not a report; the detail has the path of what is wrong."},
        429: {"description": "Too many of this host at once; later, after Retry-After."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Report"}}},
        }
    },
)
async def observations(
    request: Request, gateway: TheGateway, credentials: Credentials, host: Posting
) -> Response:
    """All of a report is kept, or nothing of it. The latest observation replaces earlier ones."""
    content = await body.read(request, LARGEST)
    try:
        said = await asyncio.to_thread(from_text, Report, content)
    except WireError as error:
        raise Problem(422, "not-a-report", f"This is not a report of an agent: {error}") from error
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                # The key may have been replaced while the rest of the report was on its way.
                host = await _host(connection, credentials)
                # In one order, so that two reports of one host at once cannot block each other.
                for seen in sorted(said.observations, key=lambda one: one.key):
                    if not await measures.observe(connection, host, seen):
                        log.warning("not its measure", extra={"host": host, "key": seen.key})
                        raise Problem(
                            403,
                            "not-your-measure",
                            f'"{seen.key}" is no measure of this host; nothing was kept.',
                        )
    except asyncpg.DataError as error:
        raise Problem(422, "not-a-report", f"A number in it is out of bounds: {error}") from error
    return Response(status_code=204)


@router.post(
    "/v1/agent/detections",
    status_code=204,
    summary="What the caller's own detector found too much",
    responses={
        401: {"description": "Unknown key."},
        409: {"description": "Another detection had the same id."},
        413: {"description": f"Larger than {LARGEST_DETECTION} bytes."},
        422: {"description": "Not a detection, or of mail of more than a week ago."},
        429: {"description": "Too many of this host within the hour; later, after Retry-After."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Detection"}}},
        }
    },
)
async def detection(request: Request, gateway: TheGateway, host: Posting) -> Response:
    """It becomes a report about a service of the caller's own host; the same again is one."""
    content = await body.read(request, LARGEST_DETECTION)
    try:
        said = from_text(Detection, content)
        with book_at_hand():
            accepted = await detections.accept(gateway.pool, host, said, datetime.now(UTC))
    except (WireError, detections.TooOld) as error:
        raise Problem(422, "not-a-detection", f"This is not a detection: {error}") from error
    except ReportedOtherwise as error:
        raise Problem(409, "already-reported-otherwise", str(error)) from error
    except detections.TooMany as error:
        log.warning("too many detections", extra={"host": host})
        raise Problem(
            429, "too-many-detections", str(error), headers={"Retry-After": "600"}
        ) from error
    log.info("detected by a host", extra={"host": host, "incidents": accepted.incidents})
    return Response(status_code=204)


@router.post(
    "/v1/agent/refusals",
    status_code=204,
    summary="What a large receiver says to an address of the caller's host",
    responses={
        401: {"description": "Unknown key."},
        409: {"description": "Another refusal had the same id."},
        413: {"description": f"Larger than {LARGEST_DETECTION} bytes."},
        422: {"description": "Not a refusal that is known, or of mail of more than a week ago."},
        429: {"description": "Too many of this host within the hour; later, after Retry-After."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}},
        }
    },
)
async def refusal(request: Request, gateway: TheGateway, host: Posting) -> Response:
    """It is a listing of the caller's own address until mail of it is taken again, or a week."""
    content = await body.read(request, LARGEST_DETECTION)
    try:
        said = from_text(Refused, content)
        with book_at_hand():
            await refused.accept(gateway.pool, host, said, datetime.now(UTC))
    except (WireError, detections.TooOld) as error:
        raise Problem(422, "not-a-refusal", f"This is not a refusal: {error}") from error
    except ReportedOtherwise as error:
        raise Problem(409, "already-reported-otherwise", str(error)) from error
    except detections.TooMany as error:
        log.warning("too many refusals", extra={"host": host})
        raise Problem(
            429, "too-many-detections", str(error), headers={"Retry-After": "600"}
        ) from error
    log.info("refused by a receiver", extra={"host": host, "receiver": said.receiver})
    return Response(status_code=204)


def _spelled(state: DesiredState) -> JSON:
    """An agent that is older than campaigns refuses a field that it does not know."""
    spelled = to_json(state)
    if isinstance(spelled, dict) and not state.campaigns:
        del spelled["campaigns"]
    return spelled
