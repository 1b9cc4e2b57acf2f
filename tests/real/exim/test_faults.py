"""A real Exim while things break: the agent killed at each of its steps, a full disk."""

import asyncio
import itertools
import resource
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from agents.mta.exim import setup
from agents.mta.exim.files import replace_for_group
from agents.mta.port import MailHost
from tests.agents.gateway import lifted
from tests.real.exim.host import EximHost
from tests.real.exim.measures import (
    FAR,
    OTHER,
    SECONDS,
    SHOP,
    a_hold,
    a_limit,
    a_message,
    held,
    idle,
    logged,
    observed_holding,
)
from workers.demo.inbox import Arrived, Inbox

pytestmark = pytest.mark.real

_AGENT = """
import asyncio, os, signal, sys
from pathlib import Path
from agents.mta.exim.commands import Commands
from agents.mta.port import mail_host
from tests.agents.gateway import lifted
from tests.real.exim.measures import a_hold

last = int(sys.argv[4])

def counted():
    global last
    last -= 1
    if last < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def also(class_, name):
    before = getattr(class_, name)
    def replace(*given):
        done = before(*given)
        counted()
        return done
    async def command(*given, **more):
        done = await before(*given, **more)
        counted()
        return done
    setattr(class_, name, command if asyncio.iscoroutinefunction(before) else replace)

also(Path, "replace")
also(Commands, "tried")
also(Commands, "start")
agent = mail_host(sys.argv[1], Path(sys.argv[2]))
if sys.argv[3] == "apply":
    asyncio.run(agent.apply(a_hold()))
else:
    asyncio.run(agent.lift(lifted(a_hold(), discard_senders=("spam@shop.example",))))
"""


async def killed(exim: EximHost, state_dir: Path, verb: str, step: int) -> bool:
    """Whether an agent that is to carry out the verb was killed after so many steps."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _AGENT, f"exim:{exim.config_dir}", str(state_dir), verb, str(step)
    )
    code = await asyncio.wait_for(process.wait(), SECONDS)
    assert code in (0, -signal.SIGKILL)
    return code != 0


async def test_an_agent_killed_while_it_applies_stops_no_other_mail_and_the_next_one_finishes(
    exim: EximHost, internet: Inbox, tmp_path: Path
) -> None:
    for step in itertools.count():
        state = tmp_path / str(step)
        state.mkdir()
        was_killed = await killed(exim, state, "apply", step)
        await exim.submit(OTHER, [FAR], a_message(f"bakery {step}"))
        await internet.wait_for(partial(_about, f"bakery {step}"), SECONDS)
        agent = exim.mail_host(state)
        await agent.apply(a_hold())
        await exim.submit(SHOP, [FAR], a_message("held"))
        await observed_holding(agent, a_hold(), 1)
        await agent.lift(lifted(a_hold(), discard_senders=(SHOP,)))
        shutil.rmtree(exim.plazo)
        if not was_killed:
            break
    assert step > 10
    assert len(internet.messages) == step + 1


async def test_an_agent_killed_while_it_lifts_loses_nothing_doubles_nothing_and_discards_the_spam(
    exim: EximHost, internet: Inbox, tmp_path: Path
) -> None:
    for step in itertools.count():
        state = tmp_path / str(step)
        state.mkdir()
        agent = exim.mail_host(state)
        await agent.apply(a_hold())
        for who in ("spam", "good"):
            await exim.submit(f"{who}@shop.example", [FAR], a_message(f"{who} {step}"))
        await observed_holding(agent, a_hold(), 2)
        was_killed = await killed(exim, state, "lift", step)
        await exim.mail_host(state).lift(lifted(a_hold(), discard_senders=("spam@shop.example",)))
        await internet.wait_for(partial(_about, f"good {step}"), SECONDS)
        await idle(exim)
        assert await held(exim) == []
        if not was_killed:
            break
    assert step > 10
    assert sorted(internet.subjects()) == sorted(f"good {number}" for number in range(step + 1))


async def test_on_a_full_disk_the_measures_stay_as_they_were_and_the_next_try_succeeds(
    exim: EximHost, internet: Inbox, agent: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agent.apply(a_hold())

    def on_a_full_disk(file: Path, text: str, group: int) -> None:
        with _room_for(10):
            replace_for_group(file, text, group)

    with monkeypatch.context() as patch:
        patch.setattr(setup, "replace_for_group", on_a_full_disk)
        with pytest.raises(OSError, match="File too large"):
            await agent.apply(a_limit(0, "bakery.example"))
    await exim.submit(SHOP, [FAR], a_message("held"))
    await exim.submit(OTHER, [FAR], a_message("bakery"))
    await observed_holding(agent, a_hold(), 1)
    await internet.wait_for(lambda each: each.subject == "bakery", SECONDS)
    await agent.apply(a_limit(0, "bakery.example"))
    await exim.submit(OTHER, [FAR], a_message("beyond the limit"))
    await logged(exim, "T=plazo_limit defer")
    assert internet.subjects() == ["bakery"]


def _about(subject: str, message: Arrived) -> bool:
    return message.subject == subject


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    """The kernel refuses to let a file of ours grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
