"""Signing on at the provider's own OpenID Connect issuer, and what is not believed of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from book.console import desk
from book.database import transaction
from domain.console.desk import Role
from gateway.desk.sign_on import SignOn
from tests.gateway.issuer import CLIENT, SECRET, Issuer, an_issuer, path_of
from tests.gateway.world import World

pytestmark = pytest.mark.real


@dataclass
class Door:
    """A gateway that people sign on to, and their issuer."""

    world: World
    issuer: Issuer

    async def sign_on(self, to: str = "/incidents") -> httpx.Response:
        """Go the whole way as a browser does; the last answer of the gateway."""
        sent = await self.world.http.get("/sign-on", params={"to": to})
        assert sent.status_code == 303, sent.text
        async with httpx.AsyncClient() as browser:
            back = await browser.get(sent.headers["location"])
        return await self.world.http.get(path_of(back.headers["location"]))


@pytest_asyncio.fixture
async def door(world: World) -> AsyncIterator[Door]:
    async with an_issuer() as issuer:
        world.app.state.gateway = replace(
            world.app.state.gateway,
            sign_on=SignOn(
                issuer=issuer.address,
                client_id=CLIENT,
                client_secret=SECRET,
                return_to="http://gateway.test/sign-on/return",
            ),
        )
        async with transaction(world.pool) as connection:
            await desk.add(
                connection, "ana", "Ana", Role.DESK, by="test",
                subject=f"{issuer.address} {issuer.subject}",
            )  # fmt: skip
        yield Door(world, issuer)


async def test_whoever_the_issuer_vouches_for_is_let_in(door: Door) -> None:
    assert "/sign-on?to=" in (await door.world.http.get("/sign-in")).text
    answer = await door.sign_on()
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents")
    assert (await door.world.http.get("/")).status_code == 200


async def test_a_stranger_is_told_what_a_lead_needs_to_know(door: Door) -> None:
    door.issuer.subject = "sub-of-a-stranger"
    answer = await door.sign_on()
    assert answer.status_code == 403
    assert f"{door.issuer.address} sub-of-a-stranger" in answer.text


async def test_who_is_disabled_here_is_a_stranger(door: Door) -> None:
    async with transaction(door.world.pool) as connection:
        await desk.disable(connection, "ana", by="luz", why="left")
    assert (await door.sign_on()).status_code == 403


@pytest.mark.parametrize(
    "bend",
    [
        {"iss": "https://another.example"},
        {"aud": "another-client"},
        {"azp": "another-client"},
        {"exp": 1},
        {"nonce": "of another sign-on"},
        {"sub": ""},
        {"sub": 7},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_sign_on_is_not_believed(
    door: Door, bend: dict[str, Any]
) -> None:
    door.issuer.bend = bend
    assert (await door.sign_on()).status_code == 403
    assert (await door.world.http.get("/")).status_code == 401


async def test_a_token_signed_by_somebody_else_is_not_believed(door: Door) -> None:
    door.issuer.shows = RSAKey.generate_key(2048, {"kid": "1"})
    assert (await door.sign_on()).status_code == 403


async def test_a_return_is_good_once_and_only_in_the_browser_that_began(door: Door) -> None:
    sent = await door.world.http.get("/sign-on")
    async with httpx.AsyncClient() as browser:
        back = path_of((await browser.get(sent.headers["location"])).headers["location"])
    kept = dict(door.world.http.cookies)
    door.world.http.cookies.clear()
    assert (await door.world.http.get(back)).status_code == 400
    door.world.http.cookies.update(kept)
    assert (await door.world.http.get(back)).status_code == 400  # used up


async def test_an_issuer_of_another_name_is_told_to_be_set_right(door: Door) -> None:
    door.issuer.bend = {"calls_itself": f"{door.issuer.address}/"}
    answer = await door.world.http.get("/sign-on")
    assert answer.status_code == 503
    assert "PLAZO_OIDC_ISSUER" in answer.text
