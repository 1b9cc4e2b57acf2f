"""Reports acknowledged a second, beside one signal-with-start per report on the same engine.

Everything is a process of its own, as in production: PostgreSQL with fsync and durable commits,
Temporal, one gateway, and the reporters, who sign ARF reports and post them over HTTP. In each
round the gateway takes so many reports about `SERVERS` servers, and then as many signals with start
go to as many workflows of the Temporal server beside it, with a worker that hears them: whoever
signals for each report must have one. The signals carry nothing, are not signed, parsed or kept.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks import bare_worker, place, reporters, signallers
from benchmarks.clientele import clients
from benchmarks.meter import cpu_seconds, spent
from benchmarks.reporters import Seen
from benchmarks.table import Table, row
from book.clients import keep
from book.database import open_pool
from workers.embedded.home import Home, temporary_folder
from workers.embedded.ports import LOOPBACK, port_for
from workers.stack import servers

COUNT = 6_000
"""Reports of a round, and signals."""

ROUNDS = 3

REQUIRED = 10.0
"""Times the rate of one signal-with-start per report."""

SERVERS = 20
REPORTERS = 10
PROCESSES = 2
CONNECTIONS = 32
"""Of each process."""

_LONGEST_LINE = 64 * 1024 * 1024
"""Bytes: each wait of each report is on it."""

SECRET = "whsec_" + "cmVwb3J0ZXJzIG9mIHRoZSBiZW5jaG1hcms="


async def measure(count: int = COUNT, rounds: int = ROUNDS) -> Table:
    """The two in turn, after a round that warms both up."""
    found: list[tuple[list[Seen], list[Seen]]] = []
    spent_on: list[dict[str, float]] = []
    async with (
        a_place() as at,
        a_gateway(at) as gateway,
        bare_worker.working(at.folder / "bare.log", at.temporal),
    ):
        processes = {"gateway": gateway, "postgres": at.postgres}
        for number in range(rounds + 1):
            before = cpu_seconds(processes)
            taken = await posted(at.port, number * count, count)
            spent_on.append(spent(before, cpu_seconds(processes)))
            if refused := [answer for seen in taken for answer in seen.refused]:
                raise RuntimeError(f"the gateway refused a report: {refused[0]}")
            found.append((taken, await signalled(at.temporal, f"round-{number}", count)))
        pool = await open_pool(at.env["PLAZO_DATABASE_URL"], sessions=1)
        kept = await pool.fetchval("SELECT count(*) FROM reports WHERE incident IS NOT NULL")
        await pool.close()
    rates = [(rate(taken), rate(told)) for taken, told in found[1:]]
    return Table(
        title=f"intake: {count:,} signed ARF reports a round, {CONNECTIONS * PROCESSES} at once",
        rows=(
            row("reports acknowledged", "per second", [one for one, _ in rates]),
            row("half of them within", "ms", [percentile(taken, 0.5) for taken, _ in found[1:]]),
            row("99 of 100 within", "ms", [percentile(taken, 0.99) for taken, _ in found[1:]]),
            row("signals with start", "per second", [other for _, other in rates]),
            row("half of them within", "ms", [percentile(told, 0.5) for _, told in found[1:]]),
            row("99 of 100 within", "ms", [percentile(told, 0.99) for _, told in found[1:]]),
            row("reports there, with their incident", "rows", kept, at_least=count * (rounds + 1)),
            row("reports : signals", "ratio", [a / b for a, b in rates], at_least=REQUIRED),
            *(
                row(f"processor time of {name}", "µs a report",
                    [1e6 * each[name] / count for each in spent_on[1:]])
                for name in processes
            ),
        ),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Place:
    """The two servers and a gateway in front of them."""

    folder: Path
    env: dict[str, str]
    port: int
    temporal: str
    postgres: psutil.Process


@asynccontextmanager
async def a_place() -> AsyncIterator[Place]:
    """Build it up and take it down; its book has the clientele."""
    with temporary_folder() as folder:
        home = Home.at(folder / "home")
        with home.claim():
            async with servers(home) as (postgres, temporal):
                pool = await open_pool(postgres.dsn)
                terms = clients(
                    range(SERVERS), measures="hold_domain", deadline=86_400, reminder=3_600,
                    probation=60,
                )  # fmt: skip
                await keep(pool, terms)
                await pool.close()
                port = port_for(home, "gateway")
                env = {
                    "PLAZO_DATABASE_URL": postgres.dsn,
                    "PLAZO_LISTEN": f"{LOOPBACK}:{port}",
                    "PLAZO_PUBLIC_URL": f"http://{LOOPBACK}:{port}",
                    "PLAZO_PORTAL_SECRET": home.secret("portal"),
                    "PLAZO_REPORTERS": keys(REPORTERS),
                    "TEMPORAL_ADDRESS": temporal.address,
                    "HOME": str(folder),
                }
                yield Place(
                    folder=folder, env=env, port=port, temporal=temporal.address,
                    postgres=psutil.Process(postgres.child.pid),
                )  # fmt: skip


async def together(module: str, plans: Sequence[reporters.Plan | signallers.Plan]) -> list[Seen]:
    """Run a process of `module` for each plan; all begin at the same moment, once all are ready."""
    async with asyncio.TaskGroup() as group:
        ready = asyncio.Barrier(len(plans))
        tasks = [group.create_task(_run(module, plan, ready)) for plan in plans]
    return [task.result() for task in tasks]


async def _run(module: str, plan: reporters.Plan | signallers.Plan, ready: asyncio.Barrier) -> Seen:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, json.dumps(asdict(plan)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=_LONGEST_LINE,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    assert await process.stdout.readline() == b"ready\n"
    await ready.wait()
    process.stdin.write(b"go\n")
    seen = Seen(**json.loads(await process.stdout.readline()))
    await process.wait()
    return seen


async def posted(
    port: int, first: int, count: int, *, among: int = SERVERS, by: int = REPORTERS
) -> list[Seen]:
    """Post reports from `first` on, `among` so many servers, `by` so many reporters."""
    share = count // PROCESSES
    return await together("benchmarks.reporters", [
        reporters.Plan(
            port=port, first=first + n * share, count=share, connections=CONNECTIONS,
            servers=among, reporters=by, secret=SECRET,
        )
        for n in range(PROCESSES)
    ])  # fmt: skip


async def signalled(address: str, name: str, count: int) -> list[Seen]:
    share = count // PROCESSES
    return await together("benchmarks.signallers", [
        signallers.Plan(
            address=address, name=name, first=n * share, count=share, at_once=CONNECTIONS,
            workflows=SERVERS,
        )
        for n in range(PROCESSES)
    ])  # fmt: skip


def keys(reporters: int) -> str:
    """The setting `PLAZO_REPORTERS` of so many."""
    return ",".join(f"feedback-{number}={SECRET}" for number in range(reporters))


def rate(seen: Sequence[Seen]) -> float:
    """Answers a second, from the first request to the last answer of all processes."""
    answered = sum(len(each.waits) for each in seen)
    return answered / (max(each.ended for each in seen) - min(each.began for each in seen))


def percentile(seen: Sequence[Seen], which: float) -> float:
    """Of the waits of all processes, in milliseconds."""
    waits = sorted(wait for each in seen for wait in each.waits)
    return 1_000 * waits[min(int(len(waits) * which), len(waits) - 1)]


@asynccontextmanager
async def a_gateway(at: Place) -> AsyncIterator[psutil.Process]:
    """`plazo gateway` as a process, once it listens."""
    log = at.folder / "gateway.log"
    process = await place.program(log, "-m", "workers.cli", "gateway", env=at.env)
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", at.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield psutil.Process(process.pid)
    finally:
        await place.end(process)
