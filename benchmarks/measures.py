"""Measures on a real Postfix: how soon they take hold, what they cost, and what they cost others.

From the decision to its effect: a measure is written into the book of record, a gateway answers the
agent's long poll, and a message that waits in the queue is put on hold. Gateway, PostgreSQL and
agent are processes of their own, as in production; each hold is lifted before the next.

A queue held and released: by the agent, and by Postfix's own commands for the whole queue, in turn.
Mail under no measure: as much as Postfix takes and hands on, with an agent that holds another
domain, and without any agent, in turn.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from asyncpg import Pool

from agents.mta.port import MailHost
from benchmarks import load, place
from benchmarks.clientele import clients, incident, report
from benchmarks.intake import Place, a_gateway, a_place
from benchmarks.table import Table, row
from book.database import open_pool, transaction
from book.incident import measures
from book.intake import intake
from domain.hosts import Desired, Wanted
from domain.measures import Measure, Restriction, Scope
from domain.parties import Service
from workers.demo.postfix_host import PostfixHost
from workers.embedded.home import temporary_folder

HOLDS = 200
QUEUED = 10_000
PASSING = 3_000
ROUNDS = 5

_LOCAL = "shop.example"
_PATIENCE = 60.0

_SETTLED = 3.0
"""Seconds until Postfix waits no longer before it reads a main.cf that has just been changed."""

_LYING_STILL = (
    "defer_transports = smtp",
    "queue_run_delay = 1h",
    "minimal_backoff_time = 1h",
    "maximal_backoff_time = 1h",
)


async def measure(
    holds: int = HOLDS, queued: int = QUEUED, passing: int = PASSING, rounds: int = ROUNDS
) -> Table:
    """All three."""
    seconds = sorted(await _decisions(holds))
    own, ours = await _queues(queued)
    without, beside = await _throughput(passing, rounds)
    return Table(
        title=f"measures: {holds} holds, {queued:,} messages held and released, on Postfix",
        rows=(
            row("decision to first message held, half within", "s", seconds[len(seconds) // 2]),
            row("99 of 100 within", "s", seconds[int(len(seconds) * 0.99)], at_most=1.0),
            row("longest", "s", seconds[-1]),
            row("queue put on hold by postsuper", "s", own[0]),
            row("by the agent, from the measure on", "s", ours[0]),
            row("queue released and delivered by postsuper, postqueue", "s", own[1]),
            row("by the agent", "s", ours[1]),
            row("held, released and delivered: agent : own", "ratio", sum(ours) / sum(own),
                at_most=1.5),
            row("mail under no measure, without Plazo", "per second", without),
            row("with it, and another domain held", "per second", beside),
            row("with : without", "ratio",
                [b / a for a, b in zip(without, beside, strict=True)], at_least=0.95),
        ),
    )  # fmt: skip


async def _decisions(count: int) -> list[float]:
    """Seconds from the decision to the first held message, of each hold."""
    domains = [f"domain-{number}.example" for number in range(count)]
    async with (
        load.a_sink() as sink,
        PostfixHost(next_hop=sink, local_domain=_LOCAL) as postfix,
        a_place() as at,
        a_gateway(at),
    ):
        await _settings(postfix, *_LYING_STILL)
        for domain in domains:
            await load.pour(postfix, 1, f"info@{domain}")
        await load.lies_still(postfix, count)
        await asyncio.sleep(_SETTLED)
        pool = await open_pool(at.env["PLAZO_DATABASE_URL"], sessions=2)
        [service] = clients(
            range(1), measures="hold_domain", deadline=86_400, reminder=3_600, probation=60
        ).services
        await intake.accept(pool, report(0))
        async with transaction(pool) as connection:
            key = await measures.enrol(connection, str(service.host))
        async with _an_agent(at, postfix, key):
            found = [await _decision(pool, postfix, service, each) for each in domains]
        await pool.close()
    return found


async def _decision(pool: Pool, postfix: PostfixHost, service: Service, domain: str) -> float:
    restriction = Restriction(measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=(domain,))
    decided = time.perf_counter()
    async with transaction(pool) as connection:
        why = await measures.impose(connection, incident(0), domain, restriction, service, {}, ())
    assert why is None, why
    seconds = await load.until(postfix, 1, "hold", pause=0.005) - decided
    async with transaction(pool) as connection:
        await measures.lift(connection, incident(0), (domain,), discard_senders=(f"info@{domain}",))
    query = "SELECT observed = 'lifted' FROM measures WHERE key = $1"
    async with asyncio.timeout(_PATIENCE):
        while not await pool.fetchval(query, domain):  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.02)
    return seconds


@asynccontextmanager
async def _an_agent(at: Place, postfix: PostfixHost, key: str) -> AsyncIterator[None]:
    """`plazo host-agent` as a process, while the block lasts."""
    log = at.folder / "agent.log"
    process = await place.program(log, "-m", "workers.cli", "host-agent", env={
        "PLAZO_GATEWAY": at.env["PLAZO_PUBLIC_URL"],
        "PLAZO_HOST_KEY": key,
        "PLAZO_MTA": f"postfix:{postfix.config_dir}",
        "PLAZO_AGENT_STATE": str(at.folder / "agent"),
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(at.folder),
    })  # fmt: skip
    try:
        yield
    finally:
        await place.end(process)


async def _queues(count: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Seconds until so many messages are on hold, and until all have left: by Postfix, by us."""
    with temporary_folder() as folder:
        async with (
            load.a_sink() as sink,
            PostfixHost(next_hop=sink, local_domain=_LOCAL) as postfix,
        ):
            await _filled(postfix, count)
            own = await _by_postfix(postfix, count)
            await _filled(postfix, count)
            ours = await _by_the_agent(postfix, postfix.mail_host(folder), count)
    return own, ours


async def _filled(postfix: PostfixHost, count: int) -> None:
    await _settings(postfix, *_LYING_STILL)
    await load.pour(postfix, count, f"info@{_LOCAL}")
    await load.lies_still(postfix, count)
    await postfix.command("postconf", "-X", "defer_transports")
    await postfix.command("postfix", "reload")
    await asyncio.sleep(_SETTLED)


async def _by_postfix(postfix: PostfixHost, count: int) -> tuple[float, float]:
    start = time.perf_counter()
    await postfix.command("postsuper", "-h", "ALL")
    stopped = await load.until(postfix, count, "hold")
    again = time.perf_counter()
    await postfix.command("postsuper", "-H", "ALL")
    await postfix.command("postqueue", "-f")
    return stopped - start, await load.empty(postfix) - again


async def _by_the_agent(postfix: PostfixHost, agent: MailHost, count: int) -> tuple[float, float]:
    hold = _a_hold(_LOCAL)
    start = time.perf_counter()
    await agent.apply(hold)
    stopped = await load.until(postfix, count, "hold")
    again = time.perf_counter()
    await agent.lift(replace(hold, wanted=Wanted.LIFTED))
    return stopped - start, await load.empty(postfix) - again


async def _throughput(count: int, rounds: int) -> tuple[list[float], list[float]]:
    """Messages a second, without a measure and beside one, of each round."""
    without: list[float] = []
    beside: list[float] = []
    with temporary_folder() as folder:
        async with (
            load.a_sink() as sink,
            PostfixHost(next_hop=sink, local_domain=_LOCAL) as postfix,
        ):
            await _passed(postfix, count)
            for number in range(rounds):
                without.append(await _passed(postfix, count))
                beside.append(await _passed_beside(postfix, count, folder / str(number)))
    return without, beside


async def _passed_beside(postfix: PostfixHost, count: int, state: Path) -> float:
    state.mkdir()  # noqa: ASYNC240
    agent, hold = postfix.mail_host(state), _a_hold(_LOCAL)
    await agent.apply(hold)
    looking = asyncio.create_task(_look(agent, hold))
    try:
        return await _passed(postfix, count)
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        await agent.lift(replace(hold, wanted=Wanted.LIFTED))


async def _look(agent: MailHost, hold: Desired) -> None:
    """More often than an agent does."""
    while True:
        await agent.observe(hold)
        await asyncio.sleep(5)


async def _passed(postfix: PostfixHost, count: int) -> float:
    start = time.perf_counter()
    await load.pour(postfix, count, "info@bakery.example")
    return count / (await load.empty(postfix) - start)


async def _settings(postfix: PostfixHost, *settings: str) -> None:
    await postfix.command("postconf", "-e", *settings)
    await postfix.command("postfix", "reload")


def _a_hold(domain: str) -> Desired:
    restriction = Restriction(measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=(domain,))
    return Desired(key=f"hold of {domain}", restriction=restriction, wanted=Wanted.APPLIED)
