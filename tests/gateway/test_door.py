"""The way in to the console: by a secret, and what keeps others out."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from book.console import desk
from book.database import transaction
from book.incident import audit
from domain.console.desk import Role
from gateway.desk import hashing
from tests.gateway.world import World

SECRET = "correct horse battery"


@pytest_asyncio.fixture
async def with_ana(world: World) -> AsyncIterator[World]:
    kept = await hashing.hashed(SECRET)
    async with transaction(world.pool) as connection:
        await desk.add(connection, "ana", "Ana", Role.DESK, by="test", secret=kept)
    yield world


async def try_to(world: World, secret: str = SECRET, **more: str) -> httpx.Response:
    fields = {"user": "ana", "secret": secret, "to": "/", **more}
    return await world.http.post("/sign-in", data=fields)


async def test_who_is_let_in_comes_where_they_were_going(with_ana: World) -> None:
    answer = await try_to(with_ana, to="/incidents/incident-vps-1-1?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/incidents/incident-vps-1-1?x=1"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert (await with_ana.http.get("/")).status_code == 200


async def test_people_are_brought_to_the_door_and_programs_told(with_ana: World) -> None:
    page = await with_ana.http.get("/incidents/x?y=1", headers={"Accept": "text/html"})
    assert page.status_code == 303
    assert page.headers["location"] == "/sign-in?to=%2Fincidents%2Fx%3Fy%3D1"
    told = await with_ana.http.get("/incidents/x")
    assert (told.status_code, told.json()["type"]) == (401, "urn:plazo:problem:not-signed-in")


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "x"])
async def test_nobody_is_sent_elsewhere(with_ana: World, to: str) -> None:
    assert (await try_to(with_ana, to=to)).headers["location"] == "/"


@pytest.mark.parametrize("user", ["ana", "nobody", "luz"])
async def test_a_wrong_secret_is_refused_whoever_it_is_for(with_ana: World, user: str) -> None:
    answer = await try_to(with_ana, "a wrong secret", user=user)
    assert answer.status_code == 401
    assert "No user signs in with this" in answer.text
    assert "set-cookie" not in answer.headers


async def test_tries_that_fail_cost_the_next_one_time_even_with_the_right_secret(
    with_ana: World,
) -> None:
    for _ in range(5):
        assert (await try_to(with_ana, "a wrong secret")).status_code == 401
    answer = await try_to(with_ana)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    await with_ana.pool.execute("UPDATE sign_in_failures SET last_at = now() - interval '1 min'")
    assert (await try_to(with_ana)).status_code == 303
    await with_ana.pool.execute("DELETE FROM sign_in_failures WHERE subject LIKE 'address:%'")
    assert (await try_to(with_ana, "a wrong secret")).status_code == 401  # and not 429


async def test_one_address_cannot_go_through_all_users(with_ana: World) -> None:
    for n in range(5):
        assert (await try_to(with_ana, "a wrong secret", user=f"u{n}")).status_code == 401
    assert (await try_to(with_ana, "a wrong secret", user="u5")).status_code == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_of_another_site_is_refused(with_ana: World, headers: dict[str, str]) -> None:
    fields = {"user": "ana", "secret": SECRET, "to": "/"}
    answer = await with_ana.http.post("/sign-in", data=fields, headers=headers)
    assert answer.status_code == 403


async def test_signing_out_needs_the_sessions_own_form_and_ends_it(with_ana: World) -> None:
    await try_to(with_ana)
    assert (await with_ana.http.post("/sign-out", data={"csrf": "guess"})).status_code == 403
    csrf = await with_ana.pool.fetchval("SELECT csrf FROM sessions")
    kept = dict(with_ana.http.cookies)
    assert (await with_ana.http.post("/sign-out", data={"csrf": csrf})).status_code == 303
    with_ana.http.cookies.update(kept)
    assert (await with_ana.http.get("/")).status_code == 401


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE sessions SET ends_at = now()",
        "UPDATE sessions SET seen_at = now() - interval '3 hours'",
        "UPDATE users SET disabled_at = now() WHERE name = 'ana'",
    ],
)
async def test_a_session_ends(with_ana: World, ended: str) -> None:
    await try_to(with_ana)
    assert (await with_ana.http.get("/")).status_code == 200
    await with_ana.pool.execute(ended)
    assert (await with_ana.http.get("/")).status_code == 401


async def test_whoever_is_disabled_or_changed_is_out_at_once(with_ana: World) -> None:
    await try_to(with_ana)
    async with transaction(with_ana.pool) as connection:
        await desk.set_role(connection, "ana", Role.VIEWER, by="luz")
    assert (await with_ana.http.get("/")).status_code == 401
    async with transaction(with_ana.pool) as connection:
        await desk.disable(connection, "ana", by="luz", why="left")
    answer = await try_to(with_ana)
    assert answer.status_code == 401


async def test_the_last_lead_stays(with_ana: World) -> None:
    async with transaction(with_ana.pool) as connection:
        with pytest.raises(desk.NotChanged, match="last lead"):
            await desk.set_role(connection, "luz", Role.DESK, by="luz")
        with pytest.raises(desk.NotChanged, match="last lead"):
            await desk.disable(connection, "luz", by="luz", why="x")


async def test_what_was_done_to_users_is_on_a_chain_of_its_own(with_ana: World) -> None:
    await try_to(with_ana)
    async with with_ana.pool.acquire() as connection:
        bodies = [entry.body for entry in await audit.chain(connection, desk.CHAIN)]
        assert await audit.broken(connection, desk.CHAIN) is None
    assert any('"user added"' in body and "ana" in body for body in bodies)
    assert any('"signed in"' in body for body in bodies)
    assert not any(SECRET in body or "argon2" in body for body in bodies)
