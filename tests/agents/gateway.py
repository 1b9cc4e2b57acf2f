"""A gateway in memory that keeps to docs/agents.md, and a mail host that does as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx

from agents.host import HostAgent, Rhythm
from agents.link import Link
from agents.mta.port import MailHost
from domain.hosts import Desired, DesiredState, Observation, Report, Wanted
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from domain.wire import from_json, to_json

SECONDS = 10.0
QUICK = Rhythm(wait=1, observe=0.02, repeat=30.0, first_retry=0.01, longest_retry=0.05)


def a_hold(key: str = "hold") -> Desired:
    restriction = Restriction(
        measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=("shop.example",)
    )
    return Desired(key=key, restriction=restriction, wanted=Wanted.APPLIED)


def lifted(measure: Desired, **what: tuple[str, ...]) -> Desired:
    return replace(measure, wanted=Wanted.LIFTED, **what)  # type: ignore[arg-type]


class Gateway:
    """`answer` is the transport's handler; `status` other than 200 makes it answer only that."""

    def __init__(self) -> None:
        self.state = DesiredState(revision=0)
        self.reports: list[Report] = []
        self.status = 200
        self.refused = 0
        self.asked_after: list[int] = []
        self._moved = asyncio.Condition()

    async def want(self, *measures: Desired) -> None:
        """A new desired state."""
        self.state = DesiredState(revision=self.state.revision + 1, measures=measures)
        async with self._moved:
            self._moved.notify_all()

    async def until_told(self, key: str, observed: Observed, detail: str = "") -> Observation:
        """The observation that was accepted, now or later."""

        def found() -> Observation | None:
            for seen in self.told(key):
                if seen.observed is observed and detail in seen.detail:
                    return seen
            return None

        async with asyncio.timeout(SECONDS), self._moved:
            await self._moved.wait_for(lambda: found() is not None)
        seen = found()
        assert seen is not None
        return seen

    async def until_refused(self, times: int) -> None:
        """Until so many requests met a gateway that did not work."""
        async with asyncio.timeout(SECONDS), self._moved:
            await self._moved.wait_for(lambda: self.refused >= times)

    def told(self, key: str) -> list[Observation]:
        """What was accepted about one measure, in order."""
        return [o for report in self.reports for o in report.observations if o.key == key]

    async def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer the-key"
        async with self._moved:
            if self.status != 200:
                self.refused += 1
                self._moved.notify_all()
                return httpx.Response(self.status)
            if request.method == "POST":
                self.reports.append(from_json(Report, json.loads(request.content)))
                self._moved.notify_all()
                return httpx.Response(202)
            after = int(request.url.params["after"])
            self.asked_after.append(after)
            with suppress(TimeoutError):
                async with asyncio.timeout(float(request.url.params["wait"])):
                    await self._moved.wait_for(lambda: self.state.revision > after)
            if self.state.revision > after:
                return httpx.Response(200, json=to_json(self.state))
            return httpx.Response(204)


class MailServer:
    """A mail host in memory; `broken` verbs raise what they are given."""

    name = "memory"
    can = frozenset({Measure.HOLD_DOMAIN})

    def __init__(self) -> None:
        self.in_force: dict[str, Desired] = {}
        self.done: list[tuple[str, str]] = []
        self.broken: dict[str, Exception] = {}
        self.detail = "held"

    async def apply(self, measure: Desired) -> Observation:
        self._do("apply", measure)
        self.in_force[measure.key] = measure
        return Observation(key=measure.key, observed=Observed.APPLIED, detail=self.detail)

    async def lift(self, measure: Desired) -> Observation:
        self._do("lift", measure)
        self.in_force.pop(measure.key, None)
        return Observation(key=measure.key, observed=Observed.LIFTED)

    async def observe(self, measure: Desired) -> Observation:
        self._do("observe", measure)
        return Observation(key=measure.key, observed=Observed.APPLIED, detail=self.detail)

    def times(self, verb: str, key: str = "hold") -> int:
        return self.done.count((verb, key))

    def _do(self, verb: str, measure: Desired) -> None:
        self.done.append((verb, measure.key))
        if verb in self.broken:
            raise self.broken[verb]


@asynccontextmanager
async def an_agent(
    gateway: Gateway, mail_host: MailHost, state_dir: Path, rhythm: Rhythm = QUICK
) -> AsyncIterator[None]:
    """The agent at work, until the block ends."""
    stopping = asyncio.Event()
    transport = httpx.MockTransport(gateway.answer)
    async with Link("https://plazo.example", "the-key", transport=transport) as link:
        running = asyncio.create_task(HostAgent(link, mail_host, state_dir, rhythm).run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await running
