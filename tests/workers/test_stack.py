"""The stack in one process: what it does when a part of it cannot start, or ends."""

import asyncio
from importlib.metadata import PackageNotFoundError

import pytest

from tests.conftest import a_home
from tests.workers.outside import outside
from workers import incident_worker, stack
from workers.embedded import programs
from workers.embedded.programs import NotInstalled
from workers.settings.reading import BadSettings

pytestmark = pytest.mark.real


async def test_a_server_that_cannot_start_leaves_no_other_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(package: str) -> None:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(programs, "distribution", none)
    with a_home() as home:
        with pytest.raises(NotInstalled, match=r"plazo\[embedded\]"):
            async with stack.servers(home):
                pass
        assert (home.path / "postgres").exists()
        assert home.sweep() == ()


async def test_settings_that_are_wrong_leave_nothing_running() -> None:
    async with outside() as around:
        with a_home() as home:
            with pytest.raises(BadSettings, match="PLAZO_NEWS_INTERVAL"):
                async with stack.up(home, {**around.settings, "PLAZO_NEWS_INTERVAL": "0s"}):
                    pass
            assert home.sweep() == ()
            assert not home.connection_file.exists()


async def test_what_the_environment_says_is_what_other_commands_are_told() -> None:
    async with outside() as around:
        secret = "a portal's secret of our own"
        with a_home() as home:
            async with stack.up(home, {**around.settings, "PLAZO_PORTAL_SECRET": secret}) as up:
                told = home.connection_file.read_text()
                assert f'PLAZO_PORTAL_SECRET="{secret}"' in told
                assert up.settings.portal_secret == secret


async def test_a_worker_that_ends_by_itself_ends_the_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the worker cannot go on")

    monkeypatch.setattr(incident_worker, "work", fail)
    async with outside() as around:
        with a_home() as home:
            with pytest.raises(RuntimeError, match="cannot go on") as why:
                async with stack.up(home, around.settings) as running:
                    await stack.stay_up(running, asyncio.Event())
            assert "the worker ended by itself" in str(why.value.__context__)
            assert home.sweep() == ()
