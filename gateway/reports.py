"""`POST /v1/reports`: what others report, verified, bounded, committed, and only then accepted.

The reporter names itself in the address, `/v1/reports?reporter=NAME`, because every sender of
webhooks can be given an address and few can be given a header; only its own keys are tried (see
`keys`). A delivery is kept once: sent again it changes nothing and is answered as the first
time, and another under the same `webhook-id` is refused.

What is accepted is in the inbox; `reading` says what becomes of it. This is the one address where a
storm arrives, so it is plain ASGI and `Application` hands it over before anything else looks at it:
FastAPI's part would cost more than all of the rest.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Self
from urllib.parse import parse_qsl, quote

import asyncpg
from fastapi import FastAPI, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from book.intake.inbox import Delivered
from book.intake.reports import ReportedOtherwise
from domain.intake.complaints import canonical_address
from gateway.formats.port import NotUnderstood
from gateway.gateway import Gateway, book_at_hand
from gateway.keys import keys_of
from gateway.metrics import Metrics
from gateway.problems import Problem, response_to
from gateway.reading import refuse_nonsense
from gateway.signatures import NotNow, NotSigned
from gateway.verification import Delivery, verified

log = logging.getLogger("plazo.gateway")

PATH = "/v1/reports"

LARGEST = 10 * 1024 * 1024
"""Bytes of a report: a message of a usual mail server's limit, as text."""

_PATIENCE = 20.0
"""Seconds until a report is on record; senders of webhooks give up after 15 to 30."""

_SMALL = 64 * 1024
"""Bytes that are looked at at once, in a millisecond or few; a thread costs as much."""

_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"", "false", "0", "no", "off"})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the query of the address says."""

    reporter: str = ""
    address: str = ""
    spam: str = ""

    @classmethod
    def read(cls, query: bytes) -> Self:
        """What is there more than once counts as it stands last; what is unknown is passed over."""
        given = dict(parse_qsl(query.decode("latin-1")))
        return cls(
            reporter=given.get("reporter", ""),
            address=given.get("address", ""),
            spam=given.get("spam", "").lower(),
        )


_asked = lru_cache(maxsize=256)(Asked.read)  # a reporter asks the same each time


class Application(FastAPI):
    """FastAPI's, which does not see the posting of reports."""

    posted: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            scope["app"] = self
            await self.posted(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class Reports:
    """The endpoint, in ASGI."""

    def __init__(self, gateway: Gateway, metrics: Metrics) -> None:
        self._gateway = gateway
        self._outcomes = metrics.reports
        self._accepted = metrics.reports.labels("accepted")
        self.route = Route(PATH, self, methods=["POST"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self.route  # what `around` counts it under
        request = Request(scope, receive)
        try:
            name = await self._take(request, _asked(scope["query_string"]))
        except Problem as problem:
            self._outcomes.labels(problem.kind).inc()
            log.info("report refused", extra={"why": problem.kind, "detail": problem.detail})
            await response_to(request, problem)(scope, receive, send)
            return
        self._accepted.inc()
        body = b'{"report":"%s"}' % name.encode()  # quoted, so nothing in it has to be escaped
        await send({
            "type": "http.response.start", "status": _status(request),
            "headers": [
                (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)),
            ],
        })  # fmt: skip
        await send({"type": "http.response.body", "body": body})

    async def _take(self, request: Request, asked: Asked) -> str:
        """Put a report into the inbox; its name."""
        now = datetime.now(UTC)
        is_the_spam = asked.spam in _YES
        if not is_the_spam and asked.spam not in _NO:
            raise Problem(422, "invalid-request", 'spam in the query: write "true" or "false".')
        delivery = await self._verified(request, asked.reporter, now)
        if (asked.address or is_the_spam) and not delivery.query_too:
            raise Problem(
                401,
                "not-signed",
                "The signature does not cover the query; name the reporter only in it.",
            )
        delivered = Delivered(
            # Quoted, for a slash in it would run into the name of another report.
            id=quote(delivery.id, safe=""),
            reporter=asked.reporter,
            received_at=now,
            content=delivery.content,
            media_type=request.headers.get("content-type", "")[:200],
            address=_address(asked.address),
            is_the_spam=is_the_spam,
        )
        await _understandable(delivered)
        try:
            with book_at_hand():
                async with asyncio.timeout(_PATIENCE):
                    await self._gateway.inbox.put(delivered)
        except ReportedOtherwise as error:
            raise Problem(409, "already-reported-otherwise", str(error)) from error
        except asyncpg.DataError as error:
            raise Problem(422, "not-understood", f"it cannot be put on record: {error}") from error
        return delivered.name.rstrip("/")

    async def _verified(self, request: Request, reporter: str, now: datetime) -> Delivery:
        written = self._gateway.reporters.get(reporter, ())
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


async def _understandable(delivered: Delivered) -> None:
    """Problem 422 with what was expected, if it is neither mail nor of a known format."""
    try:
        if len(delivered.content) <= _SMALL:
            refuse_nonsense(delivered)
        else:
            # Parsing ten megabytes takes a while, and everybody else's requests go on meanwhile.
            await asyncio.to_thread(refuse_nonsense, delivered)
    except NotUnderstood as error:
        raise Problem(422, "not-understood", str(error)) from error


def _status(request: Request) -> int:
    """Rspamd's metadata_exporter takes anything but 200 for a failure (seen in 3.4)."""
    return 200 if request.headers.get("user-agent", "").startswith("rspamd") else 202


def _address(given: str) -> str | None:
    """Where the mail left from, as the query has it."""
    if not given:
        return None
    known = canonical_address(given)
    if known is None:
        raise Problem(422, "not-understood", f'"{given[:60]}" in the query is no IP address')
    return known
