"""Thousands of incidents that wait for their clients, open at once on one machine.

How long it takes until every client has its letter, how much memory that takes, and that after
SIGKILL to every process all of them wait on, and one of them still acts: on an update that moves
its deadline to a few seconds from now, and on that deadline.
"""

import asyncio
import time

import psutil

from benchmarks import place
from benchmarks.clientele import clients, incident, report
from benchmarks.table import Table, row
from benchmarks.world import a_world, agents, enrol_all
from book.clientele.clients import keep
from book.intake import intake
from domain.acts import MoveDeadline
from domain.incident import Act
from gateway.incidents import Incidents
from workers.embedded.home import temporary_folder

COUNT = 5_000

AT_ONCE = 32

_PATIENCE = 60.0

_MIB = 1024 * 1024

_WAITING = "SELECT count(*) FROM incidents WHERE stage = 'waiting'"


async def measure(count: int = COUNT) -> Table:
    """Open them, kill everything, start again, and count."""
    with temporary_folder() as folder:
        async with a_world() as world:
            stack = await place.Stack.up(folder, world.settings())
            try:
                async with agents(stack.pool):
                    seconds = await _opened(stack, count)
                used = _memory(stack)
                await stack.kill()
                stack = await place.Stack.up(folder, world.settings())
                kept = await stack.pool.fetchval(_WAITING)
                query = "ExecutionStatus = 'Running'"
                running = (await stack.client.count_workflows(query)).count
                async with agents(stack.pool):
                    said, acted = await _acts(stack, incident(count - 1))
            finally:
                await stack.stop()
    memory = [row(f"memory of {name}", "MiB", used[name]) for name in used]
    return Table(
        title=f"waiting: {count:,} incidents open at once",
        rows=(
            row("until all wait", "s", seconds),
            row("opened", "per second", count / seconds),
            *memory,
            row("wait after SIGKILL to all", "incidents", float(kept), at_least=count),
            row("run after SIGKILL to all", "workflows", float(running), at_least=count),
        ),
        notes=(
            f'One of them afterwards, given until three seconds from now: "{said}" It was '
            f"restricted {acted:.1f} s later.",
        ),
    )


async def _acts(stack: place.Stack, name: str) -> tuple[str, float]:
    """Bring a deadline near; what it answered, and the seconds until it had acted on it."""
    query = "SELECT extract(epoch FROM deadline - now())::int FROM incidents WHERE id = $1"
    left = await stack.pool.fetchval(query, name)
    move = MoveDeadline(by="desk", seconds=left - 3, reason="still alive")
    answer = await Incidents(stack.client).act(name, Act.SHORTEN, move)
    start = time.perf_counter()
    query = "SELECT count(*) FROM incidents WHERE id = $1 AND measure IS NOT NULL"
    async with asyncio.timeout(_PATIENCE):
        while not await stack.pool.fetchval(query, name):  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.1)
    return answer.said, time.perf_counter() - start


async def _opened(stack: place.Stack, count: int) -> float:
    terms = clients(
        range(count), measures="hold_domain", deadline=86_400, reminder=3_600, probation=60
    )
    await keep(stack.pool, terms)
    await enrol_all(stack.pool)
    left = iter(range(count))

    async def hand() -> None:
        for number in left:
            await intake.accept(stack.pool, report(number))

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(hand())
    while await stack.pool.fetchval(_WAITING) < count:  # noqa: ASYNC110 - another process's work
        await asyncio.sleep(0.5)
    return time.perf_counter() - start


def _memory(stack: place.Stack) -> dict[str, float]:
    """Resident memory in MiB; what PostgreSQL's processes share is counted once."""
    found = {"worker, gateway, dispatcher": psutil.Process(stack.process.pid).memory_info().rss}
    for name, server in stack.servers().items():
        family = (server, *server.children(recursive=True))
        found[name] = sum(each.memory_full_info().pss for each in family)
    return {name: size / _MIB for name, size in found.items()}
