"""Measures on a real Postfix whose administrator routes destinations by transport_maps."""

import socket
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from agents.mta.port import MailHost
from domain.hosts import Desired
from domain.measures import Scope
from tests.agents.gateway import lifted
from tests.real.postfix import (
    FAR,
    OTHER,
    SECONDS,
    SHOP,
    a_limit,
    a_message,
    a_redirect,
    a_server_limit,
    idle,
    names_in,
    setup,
    until,
)
from workers.demo.inbox import Inbox, Listening
from workers.demo.postfix_host import PostfixHost

pytestmark = pytest.mark.real

NEAR = "partner@relayed.example"
"""Somebody at a domain that the host receives for, and hands on."""


class ByName(Inbox):
    """An inbox that this machine's own name leads to: what loops back is taken for a filter."""

    @property
    def route(self) -> str:
        return f"[{socket.gethostname()}]:{self.port}"

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self._server.close()
        self._server = _ByName()
        await self._server.open(self, self.name, self.port)
        return self


class _ByName(Listening):
    async def open(self, handler: Any, name: str, port: int) -> None:
        await super().open(handler, name, port)
        address = socket.gethostbyname(socket.gethostname())
        if address != "127.0.0.1":
            first, self._server = self._server, None
            assert first is not None
            first.close()
            await first.wait_closed()
            self._server = await first.get_loop().create_server(
                lambda: self._session(handler, name), address, port
            )


@pytest.fixture
async def theirs() -> AsyncIterator[ByName]:
    """The relay that the administrator chose."""
    async with ByName() as inbox:
        yield inbox


@pytest.fixture
async def inner() -> AsyncIterator[ByName]:
    """Where mail for the host's own domain relayed.example is handed on to."""
    async with ByName() as inbox:
        yield inbox


async def routed(postfix: PostfixHost, *entries: tuple[str, str]) -> None:
    table = postfix.config_dir / "transport"
    table.write_text("".join(f"{name} {route}\n" for name, route in entries))
    listed = postfix.config_dir / "relayed"
    listed.write_text("relayed.example yes\n")
    await setup(postfix, f"transport_maps = texthash:{table}", f"relay_domains = texthash:{listed}")


@pytest.mark.parametrize("scope", [Scope.SERVER, Scope.DOMAIN])
async def test_a_redirect_reaches_what_is_routed_through_a_relay_and_ends(
    postfix: PostfixHost, agent: MailHost, theirs: ByName, inner: ByName, scope: Scope
) -> None:
    await routed(
        postfix, ("shop.example", "virtual:"), ("relayed.example", f"smtp:{inner.route}"),
        ("*", f"smtp:{theirs.route}"),
    )  # fmt: skip
    async with Inbox() as smarthost:
        redirect = a_redirect(smarthost.address, scope)
        seen = await agent.apply(redirect)
        assert "transport_maps" not in seen.detail
        await postfix.submit(SHOP, [FAR, NEAR, "colleague@shop.example"], a_message("shop"))
        await postfix.submit(OTHER, [FAR, NEAR], a_message("bakery"))
        await idle(postfix)
        away = [each.subject for each in smarthost.messages if each.recipients == (FAR,)]
        assert set(away) == ({"shop", "bakery"} if scope is Scope.SERVER else {"shop"})
        assert theirs.subjects() == ([] if scope is Scope.SERVER else ["bakery"])
        assert sorted(inner.subjects()) == ["bakery", "shop"]
        assert [each["Subject"] for each in postfix.delivered()] == ["shop"]
        assert len(smarthost.messages) == len(away)
        await agent.lift(lifted(redirect))
        await postfix.submit(SHOP, [FAR], a_message("direct again"))
        await theirs.wait_for(lambda each: each.subject == "direct again", SECONDS)
        assert not list(postfix.config_dir.glob("plazo-*"))


async def test_a_redirect_of_the_server_reaches_destinations_that_are_listed_one_by_one(
    postfix: PostfixHost, agent: MailHost, theirs: ByName, inner: ByName
) -> None:
    await routed(
        postfix, ("far.example", f"relay:{theirs.route}"),
        ("elsewhere.example", f":{theirs.route}"), ("relayed.example", f"smtp:{inner.route}"),
        ("elsewhere.test", "discard:"),
    )  # fmt: skip
    async with Inbox() as smarthost:
        await agent.apply(a_redirect(smarthost.address, Scope.SERVER))
        to = [FAR, "friend@elsewhere.example", NEAR, "nobody@elsewhere.test"]
        await postfix.submit(SHOP, to, a_message("shop"))
        await idle(postfix)
        assert {each for one in smarthost.messages for each in one.recipients} == set(to[:2])
        assert (inner.subjects(), theirs.messages) == (["shop"], [])


@pytest.mark.parametrize(
    ("limit", "waits"), [(a_server_limit(1), {SHOP, OTHER}), (a_limit(1), {SHOP})]
)
@pytest.mark.parametrize("entry", ["*", "far.example"])
async def test_a_limit_keeps_the_route_of_what_it_lets_pass(
    postfix: PostfixHost, agent: MailHost, theirs: ByName, inner: ByName,
    limit: Desired, waits: set[str], entry: str,
) -> None:  # fmt: skip
    if entry != "*" and limit.restriction.scope is Scope.DOMAIN:
        waits = set()  # What is listed by destination cannot depend on the sender.
    await routed(
        postfix, ("relayed.example", f"smtp:{inner.route}"), (entry, f"relay:{theirs.route}")
    )
    seen = await agent.apply(limit)
    assert ("a domain's measure does not reach them" in seen.detail) is (not waits)
    for sender in (SHOP, OTHER):
        await postfix.submit(sender, [FAR, NEAR], a_message(sender))
    await inner.wait_for(lambda _: len(inner.messages) == 2, SECONDS)

    async def stopped() -> bool:
        return set(await names_in(postfix)) == waits and len(theirs.messages) == 2 - len(waits)

    await until(stopped)
    await agent.lift(lifted(limit))
    await theirs.wait_for(lambda _: len(theirs.messages) == 2, SECONDS)
    await idle(postfix)
    assert sorted(theirs.subjects()) == sorted([SHOP, OTHER])
