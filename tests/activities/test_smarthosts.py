"""What a smarthost says that a host sent, and how it is read."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from activities.smarthosts.mailchannels import MailChannels, handle_of
from activities.smarthosts.port import NoFigures, meter
from tests.book.provider import HOST

SINCE = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
UNTIL = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
ADDRESS = "mailchannels:smtp.mailchannels.net:587"


def a_sender(name: str, processed: object) -> dict[str, Any]:
    return {"name": name, "processed": processed, "delivered": 1, "bounced": 0, "dropped": 900}


def mailchannels(answer: Callable[[httpx.Request], httpx.Response]) -> MailChannels:
    return MailChannels("a-key-of-the-parent", transport=httpx.MockTransport(answer))


def always(*senders: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(
        200, json={"senders": senders, "total": len(senders), "limit": 1000, "offset": 0}
    )


# --- MailChannels ---------------------------------------------------------------------------------


async def test_what_was_passed_on_counts_and_what_was_filtered_does_not() -> None:
    answers = always(a_sender("other", 7), a_sender("mx1providerexample", 4_321))
    assert (await mailchannels(answers).sent(HOST, SINCE, UNTIL)).messages == 4_321


async def test_a_host_that_sent_nothing_is_not_in_the_answer() -> None:
    figure = await mailchannels(always(a_sender("other", 7))).sent(HOST, SINCE, UNTIL)
    assert (figure.messages, figure.raw["answer"]) == (0, None)


async def test_what_was_asked_and_answered_is_kept_word_for_word() -> None:
    sender = a_sender("mx1providerexample", 4_321)
    figure = await mailchannels(always(sender)).sent(HOST, SINCE, UNTIL)
    assert figure.raw == {
        "handle": "mx1providerexample", "start_time": "2026-11-24T13:30:00Z",
        "end_time": "2026-11-24T15:00:00Z", "answer": sender,
    }  # fmt: skip


async def test_it_is_asked_for_the_whole_time_with_the_key() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return always()(request)

    await mailchannels(answer).sent(HOST, SINCE, UNTIL)
    [request] = asked
    assert request.headers["x-api-key"] == "a-key-of-the-parent"
    assert request.url.path == "/tx/v1/metrics/senders/sub-accounts"
    assert dict(request.url.params) == {
        "start_time": "2026-11-24T13:30:00Z", "end_time": "2026-11-24T15:00:00Z",
        "limit": "1000", "offset": "0",
    }  # fmt: skip


async def test_a_sub_account_on_a_later_page_is_found() -> None:
    everybody = [*(a_sender(f"host{n}", 1) for n in range(1_000)), a_sender(handle_of(HOST), 5)]

    def answer(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params["offset"])
        return always(*everybody[first : first + 1_000])(request)

    assert (await mailchannels(answer).sent(HOST, SINCE, UNTIL)).messages == 5


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(403, json={}), "make a new API key"),
        (httpx.Response(500, text="oops"), "answered 500"),
        (httpx.Response(429, json={}), "asked too often"),
        (httpx.Response(200, text="<html>"), "unreadable"),
        (httpx.Response(200, json={"senders": None}), "unreadable"),
        (httpx.Response(200, json={"senders": [{"name": "mx1providerexample"}]}), "unreadable"),
        (httpx.Response(200, json={"senders": [a_sender("mx1providerexample", "9")]}), "9"),
        (httpx.Response(200, json={"senders": [a_sender("mx1providerexample", -1)]}), "-1"),
        (httpx.Response(200, json={"senders": [a_sender("mx1providerexample", 2**31)]}), "2147"),
    ],
)
async def test_an_answer_without_figures_is_no_figure(answer: httpx.Response, why: str) -> None:
    with pytest.raises(NoFigures, match=why):
        await mailchannels(lambda _: answer).sent(HOST, SINCE, UNTIL)


async def test_a_smarthost_that_is_away_is_no_figure() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("", request=request)

    with pytest.raises(NoFigures, match="cannot be reached: ConnectTimeout"):
        await mailchannels(away).sent(HOST, SINCE, UNTIL)


@pytest.mark.parametrize(
    ("address", "key", "found"),
    [
        (ADDRESS, "a-key", MailChannels), (ADDRESS, None, type(None)),
        ("smtp.mailchannels.net:587", "a-key", type(None)), ("mailchannels:25", "k", type(None)),
        ("relay:[::1]:25", "a-key", type(None)), (None, "a-key", type(None)),
    ],
)  # fmt: skip
def test_figures_are_read_where_there_are_some(
    address: str | None, key: str | None, found: type
) -> None:
    assert isinstance(meter(address, key), found)
