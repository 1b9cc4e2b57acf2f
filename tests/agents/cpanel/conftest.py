"""A server with two accounts, and the agent's view of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.mta.port import MailHost
from tests.agents.cpanel.measures import the_host
from tests.agents.whm import Account, StandIn


@pytest.fixture
async def whm() -> AsyncIterator[StandIn]:
    accounts = {
        "shop": Account(domains=["shop.example", "blog.example", "other.example"]),
        "bakery": Account(domains=["bakery.example"]),
    }
    async with StandIn(accounts=accounts).running() as running:
        yield running


@pytest.fixture
def host(whm: StandIn, tmp_path: Path) -> MailHost:
    return the_host(whm, tmp_path)
