"""Incidents a second, side by side with bare workflows on the same Temporal server.

In each round up to `AT_ONCE` incidents are kept open until all of the round have closed, and then
as many bare workflows in the same way: the same number of activities, doing nothing, and of
timers, waiting as long, by the history of an incident that was told alone. Each kind has a worker
process of its own. An incident adds to that all that makes it one: PostgreSQL, the audit chain,
letters over SMTP, questions to a blocklist, an agent's word, signals, an update, search attributes.

How to read it: a ratio of 1 says that the engine is all that an incident costs. Timers are waited
out by both alike, so a ratio says little unless the processors are `busy`: where they are idle,
both wait more than they work. The processor time for each says where it goes.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count as counting

import psutil
from temporalio.api.history.v1 import HistoryEvent

from benchmarks import bare_worker, place
from benchmarks.bare import Bare, Move, Part
from benchmarks.clientele import clients, incident, report, service
from benchmarks.meter import cpu_seconds, spent
from benchmarks.reading import script_of
from benchmarks.table import Row, Table, row
from benchmarks.world import Letters, World, a_world, agents, enrol_all
from book import intake
from book.clients import keep
from domain.acts import Fixed
from domain.incident import Act
from gateway.incidents import Incidents

COUNT = 150
"""Incidents in a round."""

ROUNDS = 5

AT_ONCE = 75

REQUIRED = 0.8

_PATIENCE = 300.0
"""Seconds for one incident; whatever takes longer has failed."""


async def measure(count: int = COUNT, rounds: int = ROUNDS) -> Table:
    """Run it: a warm-up of both, then the rounds, one kind after the other."""
    at_once = min(count, AT_ONCE)
    with place.a_folder() as folder:
        async with (
            a_world() as world,
            place.up(folder, world.settings()) as stack,
            agents(stack.pool),
            bare_worker.working(folder / "bare.log", stack.address) as bare,
        ):
            everybody = range(1 + at_once + rounds * count)
            terms = clients(
                everybody, measures="hold_domain, hold_server", deadline=2, reminder=1, probation=1
            )
            await keep(stack.pool, terms)
            await enrol_all(stack.pool)
            incidents = _Incidents(world, stack)
            await incidents.one()
            bares = _Bares(stack, script_of(await incidents.history(0)))
            both = {"incident": incidents.one, "bare": bares.one}
            for one in both.values():
                await _kept_going(one, at_once, at_once)
            servers = {**stack.servers(), "world": psutil.Process()}
            workers = {"incident": psutil.Process(stack.process.pid), "bare": bare}
            found = {name: _Found() for name in both}
            for _ in range(rounds):
                for name, one in both.items():
                    watched = {**servers, "worker": workers[name]}
                    before = cpu_seconds(watched)
                    seconds = await _kept_going(one, count, at_once)
                    found[name].add(count, seconds, spent(before, cpu_seconds(watched)))
            told = [await incidents.activities(n) for n in everybody]
    return _table(found, bares.script, told, count, at_once)


@dataclass
class _Incidents:
    """Whole incidents, one for each client."""

    world: World
    stack: place.Stack
    numbers: "counting[int]" = field(default_factory=counting)

    async def one(self) -> None:
        """From the complaint to the end of the workflow; the client answers the second letter."""
        number, letters = next(self.numbers), self.world.letters
        async with asyncio.timeout(_PATIENCE):
            await self._tell(number, letters)

    async def _tell(self, number: int, letters: Letters) -> None:
        await intake.accept(self.stack.pool, report(number))
        await letters.restricted(service(number))
        fixed = Fixed(by="client", note="a stolen mailbox, closed", answered=True)
        await Incidents(self.stack.client).act(incident(number), Act.FIXED, fixed)
        await letters.closed(service(number))
        await self.stack.client.get_workflow_handle(incident(number)).result()

    async def history(self, number: int) -> list[HistoryEvent]:
        handle = self.stack.client.get_workflow_handle(incident(number))
        return list((await handle.fetch_history()).events)

    async def activities(self, number: int) -> int:
        return sum(part.move is Move.ACTIVITY for part in script_of(await self.history(number)))


@dataclass
class _Bares:
    """Bare workflows by one script."""

    stack: place.Stack
    script: list[Part]
    numbers: "counting[int]" = field(default_factory=counting)

    async def one(self) -> None:
        await self.stack.client.execute_workflow(
            Bare.run, self.script, id=f"bare-{next(self.numbers)}", task_queue=bare_worker.QUEUE
        )


@dataclass
class _Found:
    """What the rounds of one kind came to."""

    rates: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    cpu: Counter[str] = field(default_factory=Counter)
    done: int = 0

    def add(self, count: int, seconds: float, used: dict[str, float]) -> None:
        self.rates.append(count / seconds)
        self.busy.append(100 * sum(used.values()) / seconds / (psutil.cpu_count() or 1))
        self.cpu.update(used)
        self.done += count


async def _kept_going(one: Callable[[], Awaitable[None]], count: int, at_once: int) -> float:
    """Do it `count` times, `at_once` side by side; the seconds that it took."""
    left = iter(range(count))

    async def hand() -> None:
        for _ in left:
            await one()

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(hand())
    return time.perf_counter() - start


def _table(
    found: dict[str, _Found], script: list[Part], told: list[int], count: int, at_once: int
) -> Table:
    ours, bare = found["incident"], found["bare"]
    ratios = [mine / other for mine, other in zip(ours.rates, bare.rates, strict=True)]
    rows: list[Row] = [
        row("whole incidents", "per second", ours.rates),
        row("bare workflows", "per second", bare.rates),
        row("incidents : bare workflows", "ratio", ratios, at_least=REQUIRED),
        row("processors busy, incidents", "%", ours.busy),
        row("processors busy, bare workflows", "%", bare.busy),
        row("activities of an incident", "activities", [float(each) for each in told]),
    ]
    for name in sorted(ours.cpu, key=lambda each: -ours.cpu[each]):
        for kind, each in (("incident", ours), ("bare workflow", bare)):
            milliseconds = 1_000 * each.cpu[name] / each.done
            rows.append(row(f"processor time in {name}, a {kind}", "ms", milliseconds))
    moves = Counter(part.move for part in script)
    waited = sum(part.seconds for part in script if part.move is Move.TIMER)
    return Table(
        title=f"incidents: {count} in a round, {at_once} side by side",
        rows=tuple(rows),
        notes=(
            f"The bare workflow: {moves[Move.ACTIVITY]} activities, {moves[Move.TIMER]} timers "
            f"that wait {waited:.1f} s in all, {moves[Move.CANCELLED_TIMER]} that are cancelled.",
        ),
    )
