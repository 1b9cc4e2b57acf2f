"""The agent's only way out: a few requests to the gateway, made with the host's own key."""

from typing import Self

import httpx

from domain.detection.refused import Refused
from domain.hosts import DesiredState, Detection, Report
from domain.wire import WireError, from_text, to_json

_CONNECT_SECONDS = 10.0
"""On top of the wait that the gateway was asked for, and for every other step of a request."""


_NEVER = frozenset({
    httpx.codes.FORBIDDEN, httpx.codes.CONFLICT, httpx.codes.REQUEST_ENTITY_TOO_LARGE,
    httpx.codes.UNPROCESSABLE_ENTITY,
})  # fmt: skip


class LinkDown(Exception):
    """The gateway did not give a usable answer; the same request is worth repeating later."""


class KeyRefused(LinkDown):
    """The gateway does not know this host's key; the host must be enrolled again."""


class NotTaken(LinkDown):
    """The gateway understood, and says that it will never take it; repeating it does not help."""


class Link:
    """`GET /v1/agent/desired`, `POST` of what was seen, of one gateway.

    `gateway` is its address (`https://plazo.example`), `key` the host's own. Every request ends
    within its wait plus 10 s. `transport` is for tests.
    """

    def __init__(
        self, gateway: str, key: str, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.gateway = gateway.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=self.gateway,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(_CONNECT_SECONDS),
            transport=transport,
        )

    async def desired(self, after: int, wait: int) -> DesiredState | None:
        """The state newer than revision `after`; None when there was none within `wait` seconds.

        Raises KeyRefused, or LinkDown for anything else that is not an answer.
        """
        answer = await self._ask(
            "GET",
            "/v1/agent/desired",
            params={"after": after, "wait": wait},
            timeout=httpx.Timeout(_CONNECT_SECONDS, read=wait + _CONNECT_SECONDS),
        )
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            return from_text(DesiredState, answer.content)
        except WireError as error:
            # Half understood would be half applied: better the state that we have.
            raise LinkDown(f"{self.gateway} sent a desired state that is none: {error}") from error

    async def observed(self, report: Report) -> None:
        """Hand in what was seen. Raises KeyRefused, NotTaken, or LinkDown: worth repeating."""
        await self._ask("POST", "/v1/agent/observations", json=to_json(report))

    async def detected(self, detection: Detection) -> None:
        """Hand in what is too much. Raises KeyRefused, NotTaken or LinkDown."""
        await self._ask("POST", "/v1/agent/detections", json=to_json(detection))

    async def refused(self, refused: Refused) -> None:
        """Hand in what a receiver says to an address. Raises KeyRefused, NotTaken or LinkDown."""
        await self._ask("POST", "/v1/agent/refusals", json=to_json(refused))

    async def _ask(self, method: str, path: str, **more: object) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, **more)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise LinkDown(f"{self.gateway} cannot be reached: {words}") from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise KeyRefused(
                f"{self.gateway} refused this host's key; enrol the host again, restart its agent"
            )
        if answer.status_code in _NEVER:
            raise NotTaken(
                f"{self.gateway}{path} answered {answer.status_code}: {answer.text[:300]}"
            )
        if not answer.is_success:
            raise LinkDown(f"{self.gateway}{path} answered {answer.status_code}")
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
