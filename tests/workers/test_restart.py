"""A stack that is killed in the middle of everything, and started again on the same state."""

import asyncio
import json
import os
import signal
from collections.abc import Callable

import psutil
import pytest

from tests.workers.command import Plazo, Running
from tests.workers.outside import Outside, a_complaint, a_home, clients_file, outside, up
from workers.demo.inbox import Arrived

pytestmark = pytest.mark.real

INCIDENT = "incident-vps-1-1"
DEADLINE = 6
"""Seconds: it is killed before, and started again after that."""


async def test_a_waiting_incident_goes_on_after_everything_was_killed() -> None:
    with a_home() as home:
        async with outside() as around:
            async with up(home, around) as (plazo, running):
                await plazo("import", "-", given=clients_file(1, deadline=DEADLINE))
                said = await plazo("report", "-", given=a_complaint(1))
                assert said.out.strip() == INCIDENT
                await around.client.wait_for(about("please act by"))
                await until(plazo, "waiting")
                everything = psutil.Process(running.process.pid).children(recursive=True)
                kill([running.process.pid, *(each.pid for each in everything)])
            await asyncio.sleep(DEADLINE)  # nobody is there when the deadline passes

            async with up(home, around) as (plazo, running):
                await until(plazo, "restricted")
                said = await plazo("audit", "verify")
                assert said.code == 0, said.err
                assert f"{INCIDENT}: " in said.out
                await nothing_was_lost_or_done_twice(plazo, around)
                await a_server_that_dies_ends_the_stack(running)
            said = await plazo("incident", "list")
            assert said.code == 1


async def test_a_stack_that_alone_was_killed_ends_what_it_left_behind() -> None:
    with a_home() as home:
        async with outside() as around:
            async with up(home, around) as (plazo, running):
                await plazo("import", "-", given=clients_file(1, deadline=3_600))
                kill([running.process.pid])
                await running.ends()
            async with up(home, around) as (plazo, running):
                assert "ended what a killed run had left behind" in running.text
                said = await plazo("report", "-", given=a_complaint(1))
                assert said.out.strip() == INCIDENT
                assert await running.ends(signal.SIGTERM) == 0


async def nothing_was_lost_or_done_twice(plazo: Plazo, around: Outside) -> None:
    page = json.loads((await plazo("incident", "show", INCIDENT, "--json")).out)
    assert page["reports"] == 1
    assert page["chain_break"] is None
    letters = [letter.message["Message-ID"] for letter in around.client.messages]
    assert len(set(letters)) == len({letter.subject for letter in around.client.messages})
    over = [each for each in page["chain"] if "the wait is over" in each["what"]]
    assert len(over) == 1


async def a_server_that_dies_ends_the_stack(running: Running) -> None:
    below = psutil.Process(running.process.pid).children()
    [postgres] = [each for each in below if each.name() == "postgres"]
    kill([postgres.pid])
    assert await running.ends() == 1
    assert "postgres was killed by SIGKILL" in running.text
    assert not [each for each in below if each.is_running()]


def kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def about(words: str) -> Callable[[Arrived], bool]:
    return lambda letter: words in letter.subject


async def until(plazo: Plazo, stage: str) -> None:
    async with asyncio.timeout(30):
        while True:
            said = await plazo("incident", "list", "--stage", stage)
            if INCIDENT in said.out:
                return
