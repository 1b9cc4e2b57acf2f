"""Reports acknowledged a second, beside one signal-with-start per report on the same engine.

Everything is a process of its own, as in production: PostgreSQL with fsync and durable commits,
Temporal, one gateway, and the reporters, who sign ARF reports and post them over HTTP. In each
round the gateway takes so many reports about `SERVERS` servers, and then as many signals with start
go to as many workflows of the Temporal server beside it, with a worker that hears them: whoever
signals for each report must have one. The signals carry nothing, are not signed, parsed or kept.

An acknowledged report is durable in the inbox, and no more. So what reading takes is measured for
itself: one reader then empties the inbox, and at last one works while reports come in.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks import bare_worker, place, reporters, signallers
from benchmarks.clientele import clients
from benchmarks.inbox_reader import reading
from benchmarks.meter import cpu_seconds, spent
from benchmarks.reporters import Seen
from benchmarks.table import Table, row
from book.clientele.clients import keep
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
CONNECTIONS = 64
"""Of each process."""

SECRET = "whsec_" + "cmVwb3J0ZXJzIG9mIHRoZSBiZW5jaG1hcms="


async def measure(count: int = COUNT, rounds: int = ROUNDS) -> Table:
    """The two in turn, after a round that warms both up."""
    found: list[tuple[list[Seen], list[Seen]]] = []
    spent_on: list[dict[str, float]] = []
    reads: list[tuple[float, dict[str, float]]] = []
    async with (
        a_place() as at,
        a_gateway(at) as gateway,
        bare_worker.working(at.folder / "bare.log", at.temporal),
    ):
        processes = {"gateway": gateway, "postgres": at.postgres}
        for number in range(rounds + 1):
            before = cpu_seconds(processes)
            taken = await accepted(at.port, number * count, count)
            spent_on.append(spent(before, cpu_seconds(processes)))
            spent_on[-1]["the reporters"] = sum(seen.processor for seen in taken)
            found.append((taken, await signalled(at.temporal, f"round-{number}", count)))
            reads.append(await read_all(at))
        async with reading(at.folder / "reader.log", at.dsn):
            beside = await accepted(at.port, (rounds + 1) * count, count)
            began = min(seen.began for seen in beside)
            await until_empty(at)
            both = count / (time.monotonic() - began)
        pool = await open_pool(at.dsn, sessions=1)
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
            row("acknowledged : signals", "ratio", [a / b for a, b in rates], at_least=REQUIRED),
            *(
                row(f"acknowledging: processor time of {name}", "µs a report",
                    [1e6 * each[name] / count for each in spent_on[1:]])
                for name in spent_on[0]
            ),
            row("read and placed by one reader", "per second", [each for each, _ in reads[1:]]),
            *(
                row(f"reading: processor time of {name}", "µs a report",
                    [1e6 * each[name] / count for _, each in reads[1:]])
                for name in reads[0][1]
            ),
            row("while one reads: acknowledged", "per second", rate(beside)),
            row("while one reads: 99 of 100 within", "ms", percentile(beside, 0.99)),
            row("while one reads: acknowledged and placed", "per second", both),
            row("reports there, with their incident", "rows", kept, at_least=count * (rounds + 2)),
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

    @property
    def dsn(self) -> str:
        return self.env["PLAZO_DATABASE_URL"]


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


async def accepted(
    port: int, first: int, count: int, *, among: int = SERVERS, by: int = REPORTERS
) -> list[Seen]:
    """Post reports from `first` on, `among` so many servers, `by` so many reporters.

    Every one of them has to be accepted.
    """
    share = count // PROCESSES
    taken = await together("benchmarks.reporters", [
        reporters.Plan(
            port=port, first=first + n * share, count=share, connections=CONNECTIONS,
            servers=among, reporters=by, secret=SECRET,
        )
        for n in range(PROCESSES)
    ])  # fmt: skip
    if refused := [answer for seen in taken for answer in seen.refused]:
        raise RuntimeError(f"the gateway refused a report: {refused[0]}")
    if sum(len(seen.waits) for seen in taken) != count:
        raise RuntimeError(f"not all of {count} reports were answered")
    return taken


async def read_all(at: Place) -> tuple[float, dict[str, float]]:
    """Have one reader empty the inbox: reports a second, and the processor time of it."""
    pool = await open_pool(at.dsn, sessions=1)
    waiting = await pool.fetchval("SELECT count(*) FROM inbox")
    await pool.close()
    async with reading(at.folder / "reader.log", at.dsn) as reader:
        processes = {"the reader": reader, "postgres": at.postgres}
        began, before = time.monotonic(), cpu_seconds(processes)
        await until_empty(at)
        ended = time.monotonic()
        return waiting / (ended - began), spent(before, cpu_seconds(processes))


async def until_empty(at: Place) -> None:
    """Until no report is in the inbox."""
    pool = await open_pool(at.dsn, sessions=1)
    while await pool.fetchval("SELECT EXISTS (SELECT FROM inbox)"):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await pool.close()


async def together(module: str, plans: Sequence[reporters.Plan | signallers.Plan]) -> list[Seen]:
    """Run a process of `module` for each plan; all begin at the same moment, once all are ready."""
    async with asyncio.TaskGroup() as group:
        ready = asyncio.Barrier(len(plans))
        tasks = [group.create_task(_run(module, plan, ready)) for plan in plans]
    return [task.result() for task in tasks]


async def _run(module: str, plan: reporters.Plan | signallers.Plan, ready: asyncio.Barrier) -> Seen:
    with temporary_folder() as folder:
        saw = folder / "seen.json"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, json.dumps(asdict(plan)), str(saw),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        assert await process.stdout.readline() == b"ready\n"
        await ready.wait()
        process.stdin.write(b"go\n")
        await process.wait()
        return Seen.read(saw)


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
                if process.returncode is not None:
                    raise RuntimeError(log.read_text()[-2_000:])
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
