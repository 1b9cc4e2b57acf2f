"""What goes around every request: counted, its faults told as problems, its answer locked down."""

import logging

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.metrics import Metrics
from gateway.problems import response_to, unexpected

log = logging.getLogger("plazo.gateway")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # a portal's address is its key; forms need their origin
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise."""

_RAW = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Around:
    """ASGI middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                said = {name for name, _ in headers}
                headers.extend(each for each in _RAW if each[0] not in said)
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception:
            if status is not None:
                raise  # half of an answer is out; the server closes the connection
            log.exception("unexpected", extra={"route": _route(scope)})
            response = response_to(Request(scope), unexpected())
            await response(scope, receive, send_on)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.answered(method, _route(scope), status)


def _route(scope: Scope) -> str:
    """The route's pattern, never the path: that may hold a token."""
    return getattr(scope.get("route"), "path", "none")
