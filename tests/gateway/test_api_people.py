"""The API's users and tokens: for leads, and whom a token acts for."""

from typing import Any

import httpx
import pytest

from book.console import desk
from domain.console.desk import Right
from gateway.desk import hashing
from tests.gateway.test_api_incidents import a_token, get
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import World


async def send(world: World, method: str, path: str, body: object = None) -> httpx.Response:
    return await world.http.request(method, path, json=body, headers=world.token())


async def test_a_token_says_whom_it_acts_for(world: World) -> None:
    me = (await get(world, "/v1/me", "dan")).json()
    assert me == {"name": "dan", "full_name": "Dan", "role": "desk", "scopes": ["read", "act"]}
    only = await a_token(world, "luz", Right.SETTLE)
    assert (await world.http.get("/v1/me", headers=only)).json()["scopes"] == ["settle"]


async def test_a_lead_adds_changes_and_disables_users(world: World) -> None:
    body = {"name": "bo", "role": "desk", "secret": "three words and a 7"}
    added = await send(world, "POST", "/v1/users", body)
    assert added.status_code == 201, added.text
    assert "secret" not in added.json()
    async with world.pool.acquire() as connection:
        kept = await desk.secret_of(connection, "bo")
        chain = await connection.fetchval(
            "SELECT body FROM audit WHERE incident = 'desk' ORDER BY seq DESC LIMIT 1"
        )
    assert await hashing.fits("three words and a 7", kept)
    assert '"by":"luz"' in chain
    assert_problem(await send(world, "POST", "/v1/users", body), 409, "not-changed")
    role = await send(world, "PUT", "/v1/users/bo/role", {"role": "viewer"})
    assert role.json()["role"] == "viewer"
    new = {"secret": "another three words"}
    assert (await send(world, "PUT", "/v1/users/bo/secret", new)).status_code == 200
    async with world.pool.acquire() as connection:
        assert await hashing.fits(new["secret"], await desk.secret_of(connection, "bo"))
    gone = await send(world, "POST", "/v1/users/bo/disable", {"reason": "has left"})
    assert gone.json()["disabled_at"] is not None
    back = await send(world, "POST", "/v1/users/bo/enable", {"reason": "is back"})
    assert back.json()["disabled_at"] is None
    first = (await get(world, "/v1/users", limit=2)).json()
    rest = (await get(world, "/v1/users", after=first["after"])).json()
    names = [user["name"] for user in first["rows"] + rest["rows"]]
    assert names == ["bo", "dan", "luz", "vera"]


async def test_the_last_lead_stays_one(world: World) -> None:
    for method, path, body in (
        ("PUT", "/v1/users/luz/role", {"role": "desk"}),
        ("POST", "/v1/users/luz/disable", {"reason": "x"}),
    ):
        refused = await send(world, method, path, body)
        assert "last lead" in assert_problem(refused, 409, "not-changed")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": "Bo B", "role": "desk", "secret": "three words and a 7"}, "no user name"),
        ({"name": "bo", "role": "boss", "secret": "three words and a 7"}, "not one of"),
        ({"name": "bo", "role": "desk"}, "give a secret"),
        ({"name": "bo", "role": "desk", "secret": "short"}, "shorter than 12"),
        ({"name": "bo", "role": "desk", "secret": "bobobobobobo"}, "easily guessed"),
    ],
)
async def test_a_user_that_cannot_be_is_refused(
    world: World, body: dict[str, Any], told: str
) -> None:
    answer = await send(world, "POST", "/v1/users", body)
    assert told in assert_problem(answer, 422, "invalid-body")


async def test_what_is_asked_of_nobody_is_not_found(world: World) -> None:
    for method, below, body in (
        ("GET", "", None),
        ("PUT", "/role", {"role": "desk"}),
        ("PUT", "/secret", {"secret": "three words and a 7"}),
        ("POST", "/disable", {"reason": "x"}),
        ("POST", "/enable", {"reason": "x"}),
    ):
        for name in ("nobody", "%00"):
            answer = await send(world, method, f"/v1/users/{name}{below}", body)
            assert_problem(answer, 404, "no-such-user")


async def test_a_lead_makes_tokens_which_open_what_their_scopes_say(world: World) -> None:
    body = {"user": "dan", "label": "board", "scopes": ["read"], "lasts": "24h"}
    made = await send(world, "POST", "/v1/tokens", body)
    assert made.status_code == 201, made.text
    header = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await world.http.get("/v1/incidents", headers=header)).status_code == 200
    take = await world.http.post("/v1/tasks/t1/take", headers=header)
    assert_problem(take, 403, "not-allowed")
    [row, *_] = (await send(world, "GET", "/v1/tokens?user=dan")).json()["rows"]
    assert made.json()["token"].startswith(row["id"])
    assert (row["label"], row["scopes"]) == ("board", ["read"])
    gone = await send(world, "DELETE", f"/v1/tokens/{row['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert_problem(await world.http.get("/v1/me", headers=header), 401, "not-signed-in")
    again = await send(world, "DELETE", f"/v1/tokens/{row['id']}")
    assert_problem(again, 404, "no-such-token")


@pytest.mark.parametrize(
    ("wrong", "status", "told"),
    [
        ({"user": "nobody"}, 404, "no user"),
        ({"scopes": ["settle"]}, 409, "can have the scopes act, read"),
        ({"scopes": []}, 422, "scopes: name one"),
        ({"scopes": ["all"]}, 422, "not one of"),
        ({"label": " "}, 422, "label: is empty"),
        ({"lasts": "long"}, 422, "lasts: "),
    ],
)
async def test_a_token_that_cannot_be_is_refused(
    world: World, wrong: dict[str, Any], status: int, told: str
) -> None:
    body = {"user": "dan", "label": "board", "scopes": ["read"]} | wrong
    answer = await send(world, "POST", "/v1/tokens", body)
    assert answer.status_code == status
    assert told in answer.json()["detail"]
