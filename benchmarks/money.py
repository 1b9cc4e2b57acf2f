"""10,000 charges through retries, duplicates and kills: none doubled, none lost.

Processes charge the same incidents at the same time, each in another order, several times over; one
in five transactions is rolled back when all of it has been done, and every half second one of the
processes is killed (SIGKILL) wherever it is, and another goes on from a little before. PostgreSQL
is the embedded one, with fsync. What should be on the ledger is reckoned from the contract alone.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from asyncpg import Pool

from benchmarks.charger import CREDITED, Plan
from benchmarks.ledgers import KINDS, fill, incident, owed
from benchmarks.table import Table, row
from book.database import open_pool
from book.schema import migrate
from domain.wire import to_json
from workers.embedded.home import Home, temporary_folder
from workers.embedded.postgres import Postgres

CHARGES = 10_000
PROCESSES = 4
KILLS = 60
_EVERY = 0.5
"""Seconds between kills."""

_BACK = 40
"""Incidents that are gone over again by whoever goes on."""


@dataclass
class Lane:
    """One process after the other on the same incidents."""

    plan: Plan
    come_to: int = 0
    kills: int = 0
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    async def run(self) -> None:
        """Until all of its incidents have been gone over."""
        while self.come_to < len(self.plan.incidents):
            begin = max(0, self.come_to - _BACK)
            rest = self.plan.incidents[begin:]
            plan = Plan(
                database=self.plan.database, incidents=rest, seed=self.plan.seed + self.kills
            )
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.charger",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                cwd=Path(__file__).parent.parent,
            )  # fmt: skip
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(json.dumps(to_json(plan)).encode())
            self.process.stdin.close()
            while said := await self.process.stdout.readline():
                self.come_to = max(self.come_to, begin + int(said))
            code = await self.process.wait()
            if code not in (0, -signal.SIGKILL):
                raise RuntimeError(f"a process that charges ended with {code}")

    def kill(self) -> bool:
        """Wherever it is. False when it has none to kill."""
        if self.process is None or self.process.returncode is not None:
            return False
        self.process.kill()
        self.kills += 1
        return True


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is wrong with the ledger, and how much there is on it."""

    charges: int
    doubled: int
    lost: int
    wrong: int
    """Incidents whose sum is not what they owe."""
    credits: int


async def measure(charges: int = CHARGES, processes: int = PROCESSES, kills: int = KILLS) -> Table:
    """Charge them all, and look."""
    count = charges // KINDS
    with temporary_folder() as folder:
        async with a_book(folder) as (pool, dsn):
            await fill(pool, count)
            began = time.monotonic()
            lanes = [Lane(plan=_plan(dsn, count, seed)) for seed in range(processes)]
            killed = await _charged(lanes, kills)
            seconds = time.monotonic() - began
            found = await looked_at(pool, count)
    return Table(
        title=f"money: {count * KINDS:,} charges through retries, duplicates and kills",
        rows=(
            row("charges on the ledger", "charges", found.charges, at_least=count * KINDS),
            row("doubled", "charges", found.doubled, at_most=0),
            row("lost", "charges", found.lost, at_most=0),
            row("incidents with a wrong sum", "incidents", found.wrong, at_most=0),
            row("credits, one for each incident", "credits", found.credits, at_least=count),
            row("processes killed", "processes", killed, at_least=min(kills, 1)),
            row("altogether", "s", seconds),
        ),
        notes=(
            f"{processes} processes, each over all {count:,} incidents, some twice at once;",
            "one transaction in five rolled back, SIGKILL at any moment, PostgreSQL with fsync.",
        ),
    )


def _plan(dsn: str, count: int, seed: int) -> Plan:
    order = [incident(number) for number in range(count)]
    random.Random(seed).shuffle(order)
    return Plan(database=dsn, incidents=tuple(order), seed=seed * 1_000)


async def _charged(lanes: Sequence[Lane], kills: int) -> int:
    work = asyncio.gather(*(lane.run() for lane in lanes))
    chance = random.Random(7)
    killed = 0
    while not work.done() and killed < kills:
        await asyncio.wait([work], timeout=_EVERY)
        killed += chance.choice(lanes).kill()
    await work
    return killed


async def looked_at(pool: Pool, count: int) -> Found:
    """Hold the ledger against what each incident owes."""
    rows = await pool.fetch("SELECT key, incident, kind, amount FROM ledger WHERE entry = 'charge'")
    sums = await pool.fetch("SELECT incident, balance FROM balances WHERE incident IS NOT NULL")
    credits_ = await pool.fetchval("SELECT count(*) FROM ledger WHERE entry = 'credit'")
    made = Counter((each["incident"], each["kind"]) for each in rows)
    amounts = {(each["incident"], each["kind"]): each["amount"] for each in rows}
    balances = {each["incident"]: each["balance"] for each in sums}
    lost, wrong = 0, 0
    for number in range(count):
        should = owed(number)
        lost += sum(
            amounts.get((should.incident, kind)) != amount
            for kind, amount in should.amounts.items()
        )
        total = sum(should.amounts.values(), Decimal(0)) - CREDITED
        wrong += balances.get(should.incident) != total
    return Found(
        charges=len(rows),
        doubled=sum(times - 1 for times in made.values()),
        lost=lost,
        wrong=wrong,
        credits=credits_,
    )


@asynccontextmanager
async def a_book(folder: Path) -> AsyncIterator[tuple[Pool, str]]:
    """A migrated book of record on a PostgreSQL of its own, while the block lasts."""
    home = Home.at(folder / "home")
    with home.claim():
        postgres = await Postgres.start(home)
        try:
            await asyncio.to_thread(migrate, postgres.dsn)
            pool = await open_pool(postgres.dsn)
            yield pool, postgres.dsn
            await pool.close()
        finally:
            await postgres.stop()
