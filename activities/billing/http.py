"""HTTP to a backend: what an error of the connection, or a status, says about an entry."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from activities.billing.port import SECONDS, Away

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Nothing has left this machine, so nothing can have arrived."""


class Client:
    """One pool of connections, opened at its first use."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def request(
        self,
        who: str,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """An answer that is neither 429 nor an error of the server's. Raises Away."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=SECONDS, follow_redirects=False)
        with connecting(who):
            async with asyncio.timeout(SECONDS):
                answer = await self._client.request(
                    method, url, content=content, data=form, headers=headers
                )
        if answer.status_code == 429:
            raise Away(
                f"{who} is asked too often for now (429)",
                unsure=False, answered=True, after=retry_after(answer.headers.get("retry-after")),
            )  # fmt: skip
        if answer.status_code >= 500:
            raise Away(f"{who} answered {answer.status_code}", unsure=True, answered=True,
                       after=retry_after(answer.headers.get("retry-after")))  # fmt: skip
        return answer

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


@contextmanager
def connecting(who: str) -> Iterator[None]:
    """Raises Away for what happens to a connection; it says whether anything has been sent."""
    try:
        yield
    except TimeoutError as error:
        raise Away(f"{who}: no answer within {SECONDS:.0f} s", unsure=True) from error
    except httpx.HTTPError as error:
        words = str(error) or type(error).__name__
        raise Away(f"{who}: {words}", unsure=not isinstance(error, _NOT_SENT)) from error


def retry_after(given: str | None) -> float | None:
    """Seconds (RFC 9110 §10.2.3); a date is left to our own pace."""
    if given is None or not given.isascii() or not given.isdecimal():
        return None
    return float(min(int(given), 86_400))
