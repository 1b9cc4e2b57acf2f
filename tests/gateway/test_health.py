"""What the gateway says of itself, and how it tells every error."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from asyncpg import Pool

from book.database import open_pool
from domain.parties import Language
from gateway.portal.words import SENTENCES
from gateway.problems import language_of, prefers_html
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import Gate, World, a_gateway, a_world

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


async def test_a_gateway_that_lives_and_can_work_says_so(world: World) -> None:
    assert (await world.http.get("/healthz")).text == "alive\n"
    assert (await world.http.get("/readyz")).text == "ready\n"


async def test_without_temporal_it_is_not_ready_but_alive(world: World) -> None:
    world.incidents.healthy = False
    detail = assert_problem(await world.http.get("/readyz"), 503, "not-ready")
    assert detail == "No answer from Temporal."
    assert (await world.http.get("/healthz")).status_code == 200


async def test_without_postgresql_it_is_not_ready_but_alive(dsn: str) -> None:
    parts = urlsplit(dsn)
    gate = Gate(str(parts.hostname), int(parts.port or 0))
    port = await gate.start()
    pool = await open_pool(dsn.replace(f":{parts.port}/", f":{port}/"))
    async with a_world(pool) as world:
        gate.shut()
        detail = assert_problem(await world.http.get("/readyz"), 503, "not-ready")
        assert detail == "No answer from PostgreSQL."
        assert (await world.http.get("/healthz")).status_code == 200
        for path in ("/v1/agent/desired", "/c/" + "x"):
            answer = await world.http.get(path, headers={"Authorization": "Bearer x"})
            assert answer.status_code == (503 if "agent" in path else 404)
    await pool.close()
    await gate.stop()


async def test_requests_are_counted_by_route_and_never_by_path(world: World) -> None:
    await world.http.get("/c/a-token-that-is-secret")
    await world.http.get("/nowhere")
    await world.http.request("BREW", "/coffee")
    counted = (await world.http.get("/metrics")).text
    assert 'plazo_http_requests_total{method="GET",route="/c/{token}",status="404"} 1.0' in counted
    assert 'method="GET",route="none",status="404"} 1.0' in counted
    assert 'method="other",route="none"' in counted
    assert "a-token-that-is-secret" not in counted


async def test_two_gateways_in_one_process_count_for_themselves(world: World, dsn: str) -> None:
    pool = await open_pool(dsn)
    async with a_world(pool) as other:
        await other.http.get("/healthz")
        assert 'route="/healthz"' not in (await world.http.get("/metrics")).text
    await pool.close()


async def test_no_such_page_and_no_such_method_are_problems(world: World) -> None:
    assert_problem(await world.http.get("/nowhere"), 404, "not-found")
    answer = await world.http.delete("/v1/reports")
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(("language", "said"), [("en", "Something is not"), ("es", "no está bien")])
async def test_a_browser_gets_a_problem_as_a_page(world: World, language: str, said: str) -> None:
    headers = {"accept": CHROME, "accept-language": f"fr, {language};q=0.8, en;q=0.1"}
    answer = await world.http.get("/nowhere", headers=headers)
    assert answer.status_code == 404
    assert said in answer.text


async def test_a_fault_of_ours_is_a_problem_that_says_nothing_of_its_cause(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.pool.execute("ALTER TABLE hosts RENAME TO elsewhere")
    answer = await world.http.get("/v1/agent/desired", headers={"Authorization": "Bearer x"})
    detail = assert_problem(answer, 500, "unexpected")
    assert "hosts" not in detail
    assert answer.headers["cache-control"] == "no-store"
    assert "UndefinedTableError" in caplog.text
    assert 'status="500"' in (await world.http.get("/metrics")).text


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (CHROME, True),
        ("text/html", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html, application/problem+json", False),
        ("text/*, application/json;q=0.9", True),
        ("*/*", False),
        ("text/html;q=x", False),
        ("", False),
    ],
)
def test_a_page_is_for_those_who_prefer_one(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html


@pytest.mark.parametrize(
    ("header", "language"),
    [("es-MX,es;q=0.9,en;q=0.8", "es"), ("en-GB", "en"), ("fr", "en"), ("", "en"), ("es;q=0", "en"),
     ("en;q=0.2, ES;q=0.7", "es")],
)  # fmt: skip
def test_the_browsers_first_language_that_we_have_is_taken(header: str, language: str) -> None:
    assert language_of(header) is Language(language)


def test_the_portals_words_are_the_same_in_each_language() -> None:
    assert len({frozenset(words) for words in SENTENCES.values()}) == 1
    assert set(SENTENCES) == set(Language)


async def test_no_page_loads_documentation_from_elsewhere(world: World) -> None:
    for path in ("/docs", "/redoc"):
        assert (await world.http.get(path)).status_code == 404


async def test_the_sheet_of_the_pages_is_served(world: World) -> None:
    answer = await world.http.get("/style.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "no-store" not in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("portal_secret", ""), ("portal_secret", "short"), ("reporters", {"a/b": ("whsec_AAAA",)})],
)
async def test_a_gateway_that_would_be_open_is_not_made(
    database: Pool, field: str, value: Any
) -> None:
    good = a_gateway(database, None)
    with pytest.raises(ValueError, match=field.rstrip("s")):
        replace(good, **{field: value})
