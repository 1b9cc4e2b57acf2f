"""A private Exim whose mail goes to an inbox, and the agent that commands it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.mta.port import MailHost
from tests.real.exim.host import PROGRAMS, EximHost, available
from workers.demo.inbox import Inbox


@pytest.fixture(autouse=True)
def exim_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    if (why := available()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")


@pytest.fixture
async def exim(internet: Inbox) -> AsyncIterator[EximHost]:
    """Ends with a look at what Exim complained of."""
    async with EximHost(next_hop=internet.address, local_domain="shop.example") as host:
        yield host
        assert host.panics() == []


@pytest.fixture
def agent(exim: EximHost, tmp_path: Path) -> MailHost:
    return exim.mail_host(tmp_path)
