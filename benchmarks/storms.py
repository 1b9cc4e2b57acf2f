"""Storms: a hundred thousand reports about one server, and as many about two thousand.

On the whole stack, `plazo up`: the real gateway, dispatcher and incident worker, in one process,
and stand-ins for the clients' mail server and the hosts' agents. The reporters post while the
incidents are told. What is counted is what is in PostgreSQL, and in Temporal's histories.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence

from dotenv import dotenv_values
from temporalio.api.enums.v1 import EventType

from benchmarks import intake, place
from benchmarks.clientele import clients, incident
from benchmarks.table import Row, Table, row
from benchmarks.world import a_world, agents, enrol_all
from book.clientele.clients import keep
from workers.embedded.home import Home, temporary_folder

COUNT = 100_000
MANY = 2_000
REPORTERS = 200

MOST_WAKE_UPS, MOST_EVENTS = 200, 500

_SAMPLE = 100
"""Incidents of the second storm whose histories are read."""

_INTERVAL = "5s"
"""The least time between two wake-ups, as shipped."""


async def measure(count: int = COUNT, many: int = MANY) -> Table:
    """Each storm on a stack of its own."""
    one = await _storm(count, 1)
    two = await _storm(count, many)
    return Table(title=f"storms: {count:,} reports each", rows=(*one, *two))


async def _storm(count: int, servers: int) -> Sequence[Row]:
    with temporary_folder() as folder:
        async with a_world() as world:
            env = {
                **world.settings(),
                "PLAZO_REPORTERS": intake.keys(REPORTERS),
                "PLAZO_NEWS_INTERVAL": _INTERVAL,
            }
            async with place.up(folder, env) as stack, agents(stack.pool):
                terms = clients(
                    range(servers), measures="hold_domain", deadline=86_400, reminder=3_600,
                    probation=86_400,
                )  # fmt: skip
                await keep(stack.pool, terms)
                await enrol_all(stack.pool)
                return await _on(stack, count, servers)


async def _on(stack: place.Stack, count: int, servers: int) -> Sequence[Row]:
    seen = await intake.accepted(_port(stack), 0, count, among=servers, by=REPORTERS)
    ended = time.monotonic()
    while await stack.pool.fetchval("SELECT EXISTS (SELECT FROM inbox)"):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    read = time.monotonic() - ended
    while await stack.pool.fetchval("SELECT EXISTS (SELECT FROM dirty)"):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    told = time.monotonic() - ended
    called = f"{servers:,} servers:" if servers > 1 else "one server:"
    rows = await stack.pool.fetchval("SELECT count(*) FROM reports WHERE incident IS NOT NULL")
    opened = await stack.pool.fetchval("SELECT count(*) FROM incidents")
    sample = range(0, servers, max(1, servers // _SAMPLE))
    wake_ups, events = await _told(stack, (incident(number) for number in sample))
    return (
        row(f"{called} acknowledged", "per second", intake.rate(seen)),
        row(f"{called} 99 of 100 within", "ms", intake.percentile(seen, 0.99)),
        row(f"{called} reports there", "rows", rows, at_least=count),
        row(f"{called} incidents opened", "incidents", opened, at_most=servers),
        row(f"{called} read after the last report", "s", read),
        row(f"{called} told after the last report", "s", told),
        row(f"{called} wake-ups of one, the most", "signals", wake_ups, at_most=MOST_WAKE_UPS),
        row(f"{called} history of one, the longest", "events", events, at_most=MOST_EVENTS),
    )


async def _told(stack: place.Stack, names: Iterable[str]) -> tuple[int, int]:
    """The most signals, and the most events, in the history of one of them."""
    most_signals = most_events = 0
    for name in names:
        history = (await stack.client.get_workflow_handle(name).fetch_history()).events
        signals = sum(
            event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
            for event in history
        )
        most_signals = max(most_signals, signals)
        most_events = max(most_events, len(history))
    return most_signals, most_events


def _port(stack: place.Stack) -> int:
    """Where its gateway listens."""
    listen = dotenv_values(Home.at(stack.home).connection_file)["PLAZO_LISTEN"]
    assert listen is not None
    return int(listen.rpartition(":")[2])
