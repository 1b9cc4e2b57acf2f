"""One stack for all: servers, mail host, client's inbox, and a browser."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, async_playwright

from book.console import desk
from book.database import transaction
from domain.console.desk import Role
from gateway.desk import hashing
from tests.browser.people import chromium
from workers import stack
from workers.demo.clientele import INCIDENT, clientele
from workers.demo.show import set_up
from workers.demo.timeline import Timeline
from workers.demo.watch import Watch, link_in
from workers.demo.world import World
from workers.stack import Stack

SECRET = "a secret of the second person"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is played on. `link` opens the incident's portal."""

    running: Stack
    world: World
    watch: Watch
    link: str

    @property
    def gateway(self) -> str:
        return self.running.gateway

    @property
    def lead(self) -> tuple[str, str]:
        return stack.FIRST_USER, self.running.home.secret(stack.FIRST_USER)

    @property
    def colleague(self) -> tuple[str, str]:
        return "dan", SECRET


class _Quiet(Timeline):
    def plain(self, words: str = "") -> None:
        pass

    def saw(self, words: str) -> None:
        pass


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    """An incident that waits for its client, who has a letter with a link."""
    file = clientele(
        measures="hold_domain", containment=False, deadline=3_600, probation=2, language="es"
    )
    timeline = _Quiet()
    async with set_up(file, timeline) as (running, world):
        async with transaction(running.pool) as connection:
            secret = await hashing.hashed(SECRET)
            await desk.add(connection, "dan", "Dan", Role.DESK, by="test", secret=secret)
        await world.spam("Offer 1")
        await world.report(running.gateway, "Offer 1")
        watch = Watch(world=world, pool=running.pool, timeline=timeline, incident=INCIDENT)
        letter = await watch.mail("")
        await watch.stage("waiting")
        yield Stage(running=running, world=world, watch=watch, link=link_in(letter))


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's chromium. Where it could be had, its absence is a failure."""
    path = chromium()
    if path is None:
        missing = "no chromium here; `apt-get install chromium` brings it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()
