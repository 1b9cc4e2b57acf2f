"""Incidents a second, beside bare workflows on the same Temporal server in the same run.

Each bare workflow follows the history of an incident that has just ended: as many activities,
which do nothing, and the same timers. Each kind has a worker process of its own. An incident adds
to that all that makes it one: PostgreSQL, the audit chain, letters over SMTP, questions to a
blocklist, an agent's word, signals, an update, search attributes.

First side by side: as many of each kind are kept open at the same time, and those that end in a
window are counted. Server, processors and disk are shared, so whatever disturbs one disturbs the
other. Then in turn: so many incidents and nothing else, and then as many bare workflows; that ratio
is one of processor time, for the processors are all that limits either.

`world` is this program: the clients, their mail server, the blocklist and the agents, or whoever
starts the bare workflows.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count as counting

import psutil

from benchmarks import bare_worker, place
from benchmarks.bare import Bare, Move, Part
from benchmarks.clientele import clients, incident, report, service
from benchmarks.meter import cpu_seconds, spent
from benchmarks.reading import script_of
from benchmarks.table import Row, Table, row
from benchmarks.world import Letters, World, a_world, agents, enrol_all
from book.clientele.clients import keep
from book.intake import intake
from domain.acts import Fixed
from domain.incident import Act
from gateway.incidents import Incidents
from workers.embedded.home import temporary_folder


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """`at_once` of each kind are open; what ends is counted in `windows` of `seconds` each."""

    at_once: int = 60
    seconds: float = 40.0
    windows: int = 3
    ramp: float = 20.0
    """Seconds before the first window."""


@dataclass(frozen=True, kw_only=True)
class InTurn:
    """`count` in a round of one kind, of which `at_once` are open."""

    at_once: int = 120
    count: int = 240
    rounds: int = 3


REQUIRED = 0.8

_WARM_UP = 60
"""Incidents before anything is counted; their histories are the first that bares follow."""

_PER_SECOND = 12
"""More than this machine ends; each needs a client of its own."""

_PATIENCE = 300.0
"""Seconds for one incident; whatever takes longer has failed."""


async def measure(
    beside: SideBySide = SideBySide(),
    turn: InTurn = InTurn(),
) -> Table:
    """Run it."""
    longest = beside.ramp + beside.seconds * beside.windows
    wanted = _WARM_UP + beside.at_once + round(longest * _PER_SECOND) + turn.count * turn.rounds
    with temporary_folder() as folder:
        async with (
            a_world() as world,
            place.up(folder, world.settings()) as stack,
            agents(stack.pool),
            bare_worker.working(folder / "bare.log", stack.address) as bare,
        ):
            terms = clients(
                range(wanted),
                measures="hold_domain, hold_server", deadline=4, reminder=1, probation=1,
            )  # fmt: skip
            await keep(stack.pool, terms)
            await enrol_all(stack.pool)
            course = _Course(world, stack, bare)
            await _kept_going(course.incidents.one, _WARM_UP, beside.at_once)
            windows = await course.side_by_side(beside)
            rounds = [await course.in_turn(turn) for _ in range(turn.rounds)]
    rows = (*_beside_rows(beside, windows), *_turn_rows(turn, rounds))
    return Table(title="incidents beside bare workflows", rows=rows)


@dataclass
class _Incidents:
    """Whole incidents, one for each client."""

    world: World
    stack: place.Stack
    numbers: "counting[int]" = field(default_factory=counting)
    scripts: list[list[Part]] = field(default_factory=list)
    """What those that have ended did, by their histories."""

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
        handle = self.stack.client.get_workflow_handle(incident(number))
        await handle.result()
        self.scripts.append(script_of((await handle.fetch_history()).events))


@dataclass
class _Bares:
    """Bare workflows; each follows the incident that has ended last, or one of a round's."""

    stack: place.Stack
    incidents: _Incidents
    numbers: "counting[int]" = field(default_factory=counting)
    round: list[list[Part]] = field(default_factory=list)
    """Still to be followed, of the round of incidents before; where there was none, the last."""
    scripts: list[list[Part]] = field(default_factory=list)
    """What those that have ended did."""

    async def one(self) -> None:
        """From its start to its end."""
        script = self.round.pop() if self.round else self.incidents.scripts[-1]
        await self.stack.client.execute_workflow(
            Bare.run, script, id=f"bare-{next(self.numbers)}", task_queue=bare_worker.QUEUE
        )
        self.scripts.append(script)


@dataclass(frozen=True, kw_only=True)
class _Span:
    """What was seen of one kind in a window or a round; `cpu` in seconds by process."""

    rate: float
    busy: float
    cpu: dict[str, float]
    scripts: list[list[Part]]


@dataclass
class _Course:
    """The two kinds, and what they use."""

    world: World
    stack: place.Stack
    bare: psutil.Process

    def __post_init__(self) -> None:
        self.incidents = _Incidents(self.world, self.stack)
        self.bares = _Bares(self.stack, self.incidents)

    async def side_by_side(self, load: SideBySide) -> list[tuple[_Span, _Span]]:
        """Both kinds at the same time, window after window; what is open at the end is ended."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for one in (self.incidents.one, self.bares.one):
                for _ in range(load.at_once):
                    group.create_task(_again_and_again(one, over))
            await asyncio.sleep(load.ramp)
            windows = [await self._window(load.seconds) for _ in range(load.windows)]
            over.set()
        return windows

    async def _window(self, seconds: float) -> tuple[_Span, _Span]:
        kinds = (self.incidents.scripts, self.bares.scripts)
        before = [len(scripts) for scripts in kinds]
        took, busy, cpu = await self._watched(asyncio.sleep(seconds), "worker", "bare worker")
        ours, bare = (
            _Span(rate=len(new) / took, busy=busy, cpu=cpu, scripts=new)
            for new in (scripts[n:] for scripts, n in zip(kinds, before, strict=True))
        )
        return ours, bare

    async def in_turn(self, load: InTurn) -> tuple[_Span, _Span]:
        """One round of incidents, and then one of bare workflows by their histories."""
        ours = await self._round(self.incidents.one, self.incidents.scripts, load, "worker")
        self.bares.round = list(ours.scripts)
        return ours, await self._round(self.bares.one, self.bares.scripts, load, "bare worker")

    async def _round(
        self, one: Callable[[], Awaitable[None]], done: list[list[Part]], load: InTurn, worker: str
    ) -> _Span:
        before = len(done)
        took, busy, cpu = await self._watched(_kept_going(one, load.count, load.at_once), worker)
        cpu["worker"] = cpu.pop(worker)
        return _Span(rate=load.count / took, busy=busy, cpu=cpu, scripts=done[before:])

    async def _watched(
        self, work: Awaitable[None], *workers: str
    ) -> tuple[float, float, dict[str, float]]:
        """How many seconds it took, the processors' use in per cent, and who used them."""
        known = {"worker": psutil.Process(self.stack.process.pid), "bare worker": self.bare}
        watched = {**self.stack.servers(), "world": psutil.Process()}
        watched |= {name: known[name] for name in workers}
        before, start = cpu_seconds(watched), time.perf_counter()
        await work
        took = time.perf_counter() - start
        used = spent(before, cpu_seconds(watched))
        return took, 100 * sum(used.values()) / took / (psutil.cpu_count() or 1), used


async def _again_and_again(one: Callable[[], Awaitable[None]], over: asyncio.Event) -> None:
    while not over.is_set():
        await one()


async def _kept_going(one: Callable[[], Awaitable[None]], count: int, at_once: int) -> None:
    """Do it `count` times, `at_once` side by side."""
    left = iter(range(count))

    async def hand() -> None:
        for _ in left:
            await one()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(hand())


def _beside_rows(load: SideBySide, windows: list[tuple[_Span, _Span]]) -> list[Row]:
    ours, bare = [each for each, _ in windows], [each for _, each in windows]
    return [
        row(f"side by side, {load.at_once} of each: incidents", "per second", _rates(ours)),
        row("bare workflows", "per second", _rates(bare)),
        row("incidents : bare workflows", "ratio", _ratios(windows), at_least=REQUIRED),
        row("processors busy", "%", [each.busy for each in ours]),
        *_moves("an incident", ours),
        *_moves("a bare workflow", bare),
    ]


def _turn_rows(load: InTurn, rounds: list[tuple[_Span, _Span]]) -> list[Row]:
    ours, bare = [each for each, _ in rounds], [each for _, each in rounds]
    return [
        row(f"in turn, {load.at_once} at once: incidents", "per second", _rates(ours)),
        row("bare workflows", "per second", _rates(bare)),
        row("incidents : bare workflows", "ratio", _ratios(rounds)),
        row("processors busy, incidents", "%", [each.busy for each in ours]),
        row("processors busy, bare workflows", "%", [each.busy for each in bare]),
        *_moves("an incident", ours),
        *_costs(load, ours, bare),
    ]


def _rates(spans: list[_Span]) -> list[float]:
    return [each.rate for each in spans]


def _ratios(spans: list[tuple[_Span, _Span]]) -> list[float]:
    return [ours.rate / bare.rate for ours, bare in spans]


def _moves(whose: str, spans: list[_Span]) -> list[Row]:
    scripts = [script for each in spans for script in each.scripts]
    return [
        row(f"activities of {whose}", "", [_count(each, Move.ACTIVITY) for each in scripts]),
        row(f"timers waited out by {whose}", "s", [_waited(each) for each in scripts]),
    ]


def _costs(load: InTurn, ours: list[_Span], bare: list[_Span]) -> list[Row]:
    """The processor time of one incident, and of one bare workflow."""
    return [
        row(
            f"processor time in {name}, {kind}",
            "ms",
            [1_000 * each.cpu[name] / load.count for each in spans],
        )
        for name in sorted(ours[0].cpu, key=lambda each: -ours[0].cpu[each])
        for kind, spans in (("an incident", ours), ("a bare workflow", bare))
    ]


def _count(script: list[Part], move: Move) -> float:
    return float(sum(part.move is move for part in script))


def _waited(script: list[Part]) -> float:
    return sum(part.seconds for part in script if part.move is Move.TIMER)
