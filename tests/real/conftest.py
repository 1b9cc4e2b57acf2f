"""A private Postfix whose mail goes to an inbox, and the agent that commands it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.mta.port import MailHost
from tests.real.postfix import needs_postfix
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost


@pytest.fixture
async def internet() -> AsyncIterator[Inbox]:
    async with Inbox("far.example") as inbox:
        yield inbox


@pytest.fixture
async def postfix(internet: Inbox) -> AsyncIterator[PostfixHost]:
    needs_postfix()
    async with PostfixHost(next_hop=internet.address, local_domain="shop.example") as host:
        yield host


@pytest.fixture
def agent(postfix: PostfixHost, tmp_path: Path) -> MailHost:
    return postfix.mail_host(tmp_path)
