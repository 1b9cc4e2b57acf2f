"""Asking another program over HTTP: patiently, as it may limit how often it is asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from activities.directories.port import NotListed

SECONDS = 60.0
"""For one answer: a page of some hundred entries of a busy database."""

PAUSES = (1.0, 5.0, 15.0, 30.0)
"""Seconds between tries, where the other side says nothing of it."""

_LONGEST_PAUSE = 120.0
"""Who wants to be left alone for longer is asked by the next sync."""

_BUSY = (429, 502, 503, 504)


class Asking:
    """Questions to `called`, such as "WHMCS at https://…", over one connection."""

    def __init__(self, client: httpx.AsyncClient, called: str) -> None:
        self._client = client
        self._called = called

    async def ask(self, method: str, url: str, **given: Any) -> httpx.Response:
        """An answer that is no sign of overload, whatever it says. Raises NotListed."""
        for pause in (*PAUSES, None):
            try:
                answer = await self._client.request(method, url, **given)
            except httpx.HTTPError as error:
                words = str(error) or type(error).__name__
                if pause is None or not isinstance(error, httpx.TransportError):
                    raise NotListed(f"{self._called} cannot be reached: {words}") from error
                await asyncio.sleep(pause)
                continue
            if answer.status_code not in _BUSY:
                return answer
            wanted = _retry_after(answer, pause or 0.0)
            if pause is None or wanted > _LONGEST_PAUSE:
                raise NotListed(
                    f"{self._called} is too busy (it answered {answer.status_code}); try later"
                )
            await asyncio.sleep(wanted)
        raise AssertionError("the last try returns or raises")

    def strange(self, error: Exception | str) -> NotListed:
        """What to raise for an answer that is none of this program."""
        said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        return NotListed(f"{self._called} answered something unreadable ({said[:200]})")


@asynccontextmanager
async def asking(
    called: str, *, headers: Mapping[str, str] | None = None, authority: str | None = None
) -> AsyncIterator[Asking]:
    """Raises NotListed where `authority` has no certificates."""
    try:
        trusted = ssl.create_default_context(cafile=authority)
    except (ssl.SSLError, OSError) as error:
        raise NotListed(f"{authority} has no certificate in PEM; mend or remove it") from error
    async with httpx.AsyncClient(
        headers=headers, verify=trusted, timeout=SECONDS, trust_env=False
    ) as client:
        yield Asking(client, called)


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    """RFC 9110 §10.2.3, in seconds; a date is as good as nothing said."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else otherwise
