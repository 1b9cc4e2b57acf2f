"""MailChannels' figures by sub-account (docs.mailchannels.com/email-api/metrics-senders).

Each mail host logs in as a sub-account of its own, whose handle is the host's name without anything
but letters and digits: mx1.provider.example is mx1providerexample. What MailChannels took and
passed on is "processed"; what it filtered out is "dropped" and no relayed message.

These figures and not those of `/sub-account/{handle}/usage`: that counter begins anew with each
billing period, and what is counted late of the period before is lost with it. A figure for a time
that we name can be asked for again.
"""

import re
from datetime import UTC, datetime
from typing import Any

import httpx

from activities.smarthosts.port import Figure, Meter, NoFigures, register

API = "https://api.mailchannels.net/tx/v1"
_SECONDS = 8.0
"""Two pages of figures fit into the attempt of a step."""
_PAGE = 1_000
"""The most that one answer has."""
_MOST_PAGES = 20


class MailChannels:
    """Read with `key`, an API key of the parent account, at `api`. `transport` is for tests."""

    kind = "mailchannels"

    def __init__(
        self, key: str, *, api: str = API, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._key = key
        self._api = api
        self._transport = transport

    async def sent(self, host: str, since: datetime, until: datetime) -> Figure:
        """Raises NoFigures. A sub-account that sent nothing is not in the answer: that is 0.

        Both ends are whole seconds; the end is excluded, so that times can follow one another.
        """
        handle = handle_of(host)
        times = {"start_time": _moment(since), "end_time": _moment(until)}
        headers = {"X-Api-Key": self._key}
        try:
            async with httpx.AsyncClient(
                timeout=_SECONDS, headers=headers, transport=self._transport, base_url=self._api
            ) as client:
                for page in range(_MOST_PAGES):
                    asked: dict[str, str | int] = {**times, "limit": _PAGE, "offset": page * _PAGE}
                    answer = await client.get(
                        f"{self._api}/metrics/senders/sub-accounts", params=asked
                    )
                    senders = _senders(answer)
                    for each in senders:
                        if each["name"] == handle:
                            raw = {"handle": handle, **times, "answer": each}
                            return Figure(messages=_count(each["processed"]), raw=raw)
                    if len(senders) < _PAGE:
                        return Figure(messages=0, raw={"handle": handle, **times, "answer": None})
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise NoFigures(f"MailChannels cannot be reached: {words}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise NoFigures(f"MailChannels' answer is unreadable: {error!r}") from error
        raise NoFigures(f"MailChannels has more than {_MOST_PAGES * _PAGE} sub-accounts")


def handle_of(host: str) -> str:
    """The sub-account that a mail host logs in as."""
    return re.sub("[^a-z0-9]", "", host.lower())


def _senders(answer: httpx.Response) -> list[dict[str, Any]]:
    if answer.status_code == 429:
        raise NoFigures("MailChannels is asked too often for now")
    if answer.status_code in (401, 403):
        raise NoFigures("MailChannels refused PLAZO_SMARTHOST_KEY; make a new API key")
    if answer.status_code != 200:
        raise NoFigures(f"MailChannels answered {answer.status_code}")
    return list(answer.json()["senders"])


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"{value!r} is no number of messages")
    return value


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@register("mailchannels")
def mailchannels(key: str) -> Meter:
    return MailChannels(key)
