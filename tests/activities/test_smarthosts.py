"""What a smarthost says that it relayed, and what the client is billed for."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.books import Books
from activities.smarthosts.mailchannels import MailChannels, handle_of
from activities.smarthosts.port import NoFigures, meter
from book import usage
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from domain.steps import Bill, Impose, Lift
from tests.book.provider import HOST, INCIDENT, REDIRECT, an_incident, seen

SINCE = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
UNTIL = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
ADDRESS = "mailchannels:smtp.mailchannels.net:587"
DOMAIN = Restriction(
    measure=Measure.SMARTHOST_REDIRECT, scope=Scope.DOMAIN, targets=("shop.example",)
)


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
    assert await mailchannels(answers).relayed(HOST, SINCE, UNTIL) == 4_321


async def test_a_host_that_sent_nothing_is_not_in_the_answer() -> None:
    assert await mailchannels(always(a_sender("other", 7))).relayed(HOST, SINCE, UNTIL) == 0


async def test_it_is_asked_for_the_whole_time_with_the_key() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return always()(request)

    await mailchannels(answer).relayed(HOST, SINCE, UNTIL)
    [request] = asked
    assert request.headers["x-api-key"] == "a-key-of-the-parent"
    assert request.url.path == "/tx/v1/metrics/senders/sub-accounts"
    assert dict(request.url.params) == {
        "start_time": "2026-11-24T13:30:00Z", "end_time": "2026-11-24T15:00:01Z",
        "limit": "1000", "offset": "0",
    }  # fmt: skip


async def test_a_sub_account_on_a_later_page_is_found() -> None:
    everybody = [*(a_sender(f"host{n}", 1) for n in range(1_000)), a_sender(handle_of(HOST), 5)]

    def answer(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params["offset"])
        return always(*everybody[first : first + 1_000])(request)

    assert await mailchannels(answer).relayed(HOST, SINCE, UNTIL) == 5


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(403, json={}), "make a new API key"),
        (httpx.Response(500, text="oops"), "answered 500"),
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
        await mailchannels(lambda _: answer).relayed(HOST, SINCE, UNTIL)


async def test_a_smarthost_that_is_away_is_no_figure() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("", request=request)

    with pytest.raises(NoFigures, match="cannot be reached: ConnectTimeout"):
        await mailchannels(away).relayed(HOST, SINCE, UNTIL)


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


# --- the bill -------------------------------------------------------------------------------------


class Figures:
    """A smarthost's own, or an outage."""

    def __init__(self, relayed: int | None) -> None:
        self._relayed = relayed
        self.asked: list[tuple[str, datetime, datetime]] = []

    async def relayed(self, host: str, since: datetime, until: datetime) -> int:
        self.asked.append((host, since, until))
        if self._relayed is None:
            raise NoFigures("not now")
        return self._relayed


async def redirected(
    pool: Pool, books: Books, *restrictions: Restriction, counted: int = 0
) -> None:
    for n, restriction in enumerate(restrictions, 1):
        what = Impose(incident=INCIDENT, key=f"m-{n}", restriction=restriction)
        assert (await ActivityEnvironment().run(books.impose_measure, what)).accepted
        await seen(pool, f"m-{n}", relayed=counted)


async def bill(books: Books) -> tuple[str, ...]:
    done = await ActivityEnvironment().run(books.record_charges, Bill(incident=INCIDENT))
    return tuple(done.charges)


def books_with(pool: Pool, figures: Figures) -> Books:
    return Books(pool=pool, smarthost=ADDRESS, meter=figures)


async def test_the_smarthosts_own_figures_are_billed(database: Pool) -> None:
    await an_incident(database)
    books = books_with(database, Figures(9_500))
    await redirected(database, books, REDIRECT, counted=12)
    assert "9500 messages relayed" in (await bill(books))[0]
    assert await bill(books) == await bill(books)


async def test_an_agent_that_counts_more_than_the_smarthost_bills_nobody_more(
    database: Pool,
) -> None:
    await an_incident(database)
    books = books_with(database, Figures(100))
    await redirected(database, books, REDIRECT, counted=50_000)
    assert "100 messages relayed" in (await bill(books))[0]


async def test_without_figures_the_agents_count_stands_and_the_next_bill_has_the_rest(
    database: Pool,
) -> None:
    await an_incident(database)
    await redirected(database, books_with(database, Figures(None)), REDIRECT, counted=12)
    first = await bill(books_with(database, Figures(None)))
    assert "12 messages relayed" in first[0]
    charges = await bill(books_with(database, Figures(9_500)))
    assert len(charges) == 2
    assert await database.fetchval("SELECT sum(minor) FROM charges") == 1_200


async def test_what_two_redirects_of_a_host_share_is_left_to_the_agents_counts(
    database: Pool,
) -> None:
    await an_incident(database)
    figures = Figures(9_500)
    await redirected(database, books_with(database, figures), DOMAIN, REDIRECT, counted=12)
    assert "24 messages relayed" in (await bill(books_with(database, figures)))[0]
    assert figures.asked == []


async def test_the_figures_are_of_the_time_in_force(database: Pool) -> None:
    await an_incident(database)
    figures = Figures(1)
    books = books_with(database, figures)
    await redirected(database, books, REDIRECT)
    await ActivityEnvironment().run(books.lift_measures, Lift(incident=INCIDENT, keys=("m-1",)))
    await seen(database, observed=Observed.LIFTED)
    await bill(books)
    row = await database.fetchrow("SELECT asked_at, observed_at FROM measures")
    assert row is not None
    assert figures.asked == [(HOST, row["asked_at"], row["observed_at"])]


async def test_a_redirect_through_another_smarthost_is_not_asked_about(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, Books(pool=database, smarthost="relay.example:25"), REDIRECT)
    async with database.acquire() as connection:
        assert await usage.redirected(connection, INCIDENT, ADDRESS) == ()
        assert len(await usage.redirected(connection, INCIDENT, "relay.example:25")) == 1


async def test_a_redirect_that_was_never_seen_costs_nothing(database: Pool) -> None:
    await an_incident(database)
    figures = Figures(500)
    books = books_with(database, figures)
    what = Impose(incident=INCIDENT, key="m-1", restriction=REDIRECT)
    await ActivityEnvironment().run(books.impose_measure, what)
    assert await bill(books) == ()
    assert figures.asked == []
