"""Incidents a second, side by side with bare workflows on the same Temporal server.

In each round so many incidents are kept open until all of the round have closed, and then as many
bare workflows in the same way. Each bare workflow follows the history of one incident of that
round: as many activities, which do nothing, and the same timers. Each kind has a worker process of
its own. An incident adds to that all that makes it one: PostgreSQL, the audit chain, letters over
SMTP, questions to a blocklist, an agent's word, signals, an update, search attributes.

How to read it: a ratio of 1 says that the engine is all that an incident costs. Both wait out the
same timers, so the fewer are open at once, the nearer the ratio comes to 1, and the less it says.
What is required is required where the processors are `busy`; the lighter load is there to compare.
The processor time says where the cost lies. `world` is this program: the clients, their mail
server, the blocklist and the agents, or whoever starts the bare workflows.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import count as counting

import psutil

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
from workers.embedded.home import temporary_folder


@dataclass(frozen=True, kw_only=True)
class Load:
    """`count` in a round, of which `at_once` are open side by side."""

    at_once: int
    count: int


LIGHT = Load(at_once=20, count=60)
FULL = Load(at_once=120, count=240)

ROUNDS = 3
"""Of each load, after one that warms both up."""

REQUIRED = 0.8

_PATIENCE = 300.0
"""Seconds for one incident; whatever takes longer has failed."""


async def measure(rounds: int = ROUNDS, light: Load = LIGHT, full: Load = FULL) -> Table:
    """Run it, the two kinds in turn."""
    loads = [light, *([light] * rounds), *([full] * rounds)]
    with temporary_folder() as folder:
        async with (
            a_world() as world,
            place.up(folder, world.settings()) as stack,
            agents(stack.pool),
            bare_worker.working(folder / "bare.log", stack.address) as bare,
        ):
            terms = clients(
                range(sum(load.count for load in loads)),
                measures="hold_domain, hold_server", deadline=4, reminder=1, probation=1,
            )  # fmt: skip
            await keep(stack.pool, terms)
            await enrol_all(stack.pool)
            rounds_of = _Rounds(world, stack, bare)
            found = [await rounds_of.both(load) for load in loads][1:]
    return _table({light: found[:rounds], full: found[rounds:]})


@dataclass
class _Incidents:
    """Whole incidents, one for each client."""

    world: World
    stack: place.Stack
    numbers: "counting[int]" = field(default_factory=counting)
    read: int = 0

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

    async def scripts(self, count: int) -> list[list[Part]]:
        """What the next `count` incidents did, each by its history."""
        found = []
        for number in range(self.read, self.read + count):
            handle = self.stack.client.get_workflow_handle(incident(number))
            found.append(script_of((await handle.fetch_history()).events))
        self.read += count
        return found


@dataclass
class _Bares:
    """Bare workflows, one for each script."""

    stack: place.Stack
    scripts: list[list[Part]] = field(default_factory=list)
    numbers: "counting[int]" = field(default_factory=counting)

    async def one(self) -> None:
        await self.stack.client.execute_workflow(
            Bare.run,
            self.scripts.pop(),
            id=f"bare-{next(self.numbers)}",
            task_queue=bare_worker.QUEUE,
        )


@dataclass(frozen=True, kw_only=True)
class _Round:
    """What one kind came to in one round: `cpu` in seconds by process."""

    rate: float
    busy: float
    cpu: dict[str, float]
    scripts: list[list[Part]]


@dataclass
class _Rounds:
    """Rounds of the two kinds, and what they use."""

    world: World
    stack: place.Stack
    bare: psutil.Process

    def __post_init__(self) -> None:
        self.incidents, self.bares = _Incidents(self.world, self.stack), _Bares(self.stack)

    async def both(self, load: Load) -> tuple[_Round, _Round]:
        """One round of incidents, and then one of bare workflows by their histories."""
        worker = psutil.Process(self.stack.process.pid)
        ours = await self._one(self.incidents.one, load, worker)
        scripts = await self.incidents.scripts(load.count)
        self.bares.scripts = list(scripts)
        theirs = await self._one(self.bares.one, load, self.bare)
        return replace(ours, scripts=scripts), replace(theirs, scripts=scripts)

    async def _one(
        self, one: Callable[[], Awaitable[None]], load: Load, worker: psutil.Process
    ) -> _Round:
        watched = {**self.stack.servers(), "world": psutil.Process(), "worker": worker}
        before = cpu_seconds(watched)
        seconds = await _kept_going(one, load.count, load.at_once)
        used = spent(before, cpu_seconds(watched))
        busy = 100 * sum(used.values()) / seconds / (psutil.cpu_count() or 1)
        return _Round(rate=load.count / seconds, busy=busy, cpu=used, scripts=[])


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


def _table(found: dict[Load, list[tuple[_Round, _Round]]]) -> Table:
    rows: list[Row] = []
    for load, rounds in found.items():
        asked = REQUIRED if load == FULL else None
        scripts = [script for ours, _ in rounds for script in ours.scripts]
        ratios = [ours.rate / bare.rate for ours, bare in rounds]
        ours, bare = [each for each, _ in rounds], [each for _, each in rounds]
        rows += [
            row(f"{load.at_once} at once: incidents", "per second", [r.rate for r in ours]),
            row("bare workflows", "per second", [r.rate for r in bare]),
            row("incidents : bare workflows", "ratio", ratios, at_least=asked),
            row("processors busy, incidents", "%", [r.busy for r in ours]),
            row("processors busy, bare workflows", "%", [r.busy for r in bare]),
            row("activities of each", "", [_count(each, Move.ACTIVITY) for each in scripts]),
            row("timers waited out by each", "", [_count(each, Move.TIMER) for each in scripts]),
            row("the time of those", "s", [_waited(each) for each in scripts]),
            *_costs(load, ours, bare),
        ]
    return Table(title="incidents beside bare workflows", rows=tuple(rows))


def _costs(load: Load, ours: list[_Round], bare: list[_Round]) -> list[Row]:
    """The processor time of one incident, and of one bare workflow."""
    return [
        row(
            f"processor time in {name}, {kind}",
            "ms",
            [1_000 * each.cpu[name] / load.count for each in rounds],
        )
        for name in sorted(ours[0].cpu, key=lambda each: -ours[0].cpu[each])
        for kind, rounds in (("an incident", ours), ("a bare workflow", bare))
    ]


def _count(script: list[Part], move: Move) -> float:
    return float(sum(part.move is move for part in script))


def _waited(script: list[Part]) -> float:
    return sum(part.seconds for part in script if part.move is Move.TIMER)
