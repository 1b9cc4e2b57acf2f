"""The steps of the listing watch: all addresses, then the domains that send from them, slice by
slice, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from asyncpg import Pool
from temporalio import activity

from activities.blocklists.addresses import expanded
from activities.blocklists.dnsbl import Blocklists
from activities.blocklists.port import Checked, Subject, kind_of, subject
from activities.listed import gone, refusals, seen
from book.beside import beside
from book.blocklists import periods, sending, watching
from book.blocklists.watching import SITES, WatchTask
from book.database import transaction
from book.intake import refused
from book.intake.reproaches import report
from domain.blocklists import watching as rules
from domain.blocklists.blocklist import Blocklist
from domain.blocklists.watching import (
    EndWatch,
    PlanWatch,
    SliceWatched,
    Tally,
    WatchPlan,
    WatchSlice,
    is_due,
    kept,
    late,
    too_many,
    turns,
)
from domain.intake.complaints import canonical_address
from domain.steps import Done

_SLICE = 2_048
"""Addresses of one step."""

CHUNK = 256
"""Addresses between two moments at which all is written down, and from which it can go on."""

_BEAT = 15.0
"""Seconds between two signs of life: a list that is slow holds up the chunk, not the heartbeat."""


@dataclass(frozen=True)
class Watching:
    """Verbs on `pool` and `blocklists`."""

    pool: Pool
    blocklists: Blocklists

    @activity.defn(name="plan_watch")
    async def plan_watch(self, what: PlanWatch) -> WatchPlan:
        """Count addresses and domains, and reckon in how many passes each list takes them all."""
        async with transaction(self.pool) as connection:
            await refused.age(connection)
            addresses = await watching.count(connection)
            domains = await sending.count(connection)
            number = await watching.next_pass(connection)
        return WatchPlan(
            number=number,
            addresses=addresses,
            domains=domains,
            turns={
                entry.zone: turns(entry, subjects, what.window_seconds)
                for entry in self.blocklists.known
                if (subjects := kept(entry, addresses, domains))
            },
        )

    @activity.defn(name="watch_slice")
    async def watch_slice(self, what: WatchSlice) -> SliceWatched:
        """Ask about the next addresses, write down what is new and what is gone, report the new.

        Tried again, it goes on after the last chunk that was written down.
        """
        progress = _Progress.of_this_attempt(what.after)
        async with _alive(progress):
            while progress.tally.addresses + progress.tally.domains < _SLICE:
                chunk = await self._next(progress.after)
                if not chunk:
                    return SliceWatched(after=None, tally=progress.tally)
                tally = await self._go_over(what, chunk)
                progress.after, progress.tally = chunk[-1], progress.tally + tally
                progress.beat()
        return SliceWatched(after=progress.after, tally=progress.tally)

    @activity.defn(name="end_watch")
    async def end_watch(self, what: EndWatch) -> Done:
        """Open a task for what the pass could not do in its window, or within a list's limits."""
        entries = {entry.zone: entry for entry in self.blocklists.known}
        async with transaction(self.pool) as connection:
            for zone, passes in sorted(what.plan.turns.items()):
                if passes > 1 and zone in entries:
                    detail = too_many(entries[zone], what, passes)
                    await watching.ask_person(
                        connection, WatchTask.LIMIT, zone, detail, once=f"{passes} passes"
                    )
            if what.seconds > what.window_seconds:
                await watching.ask_person(connection, WatchTask.LATE, rules.REPORTER, late(what))
        return Done()

    async def _next(self, after: str | None) -> list[str]:
        """The next addresses in order; after the last of them the domains, and then none."""
        if after is None or canonical_address(after) is not None:
            if addresses := await self._next_addresses(after):
                return addresses
            after = None
        async with self.pool.acquire() as connection:
            return [*await sending.domains(connection, after, CHUNK)]

    async def _next_addresses(self, after: str | None) -> list[str]:
        found: list[str] = []
        beyond: str | None = None
        while len(found) < CHUNK:
            async with self.pool.acquire() as connection:
                prefixes = await watching.prefixes(connection, after, beyond, CHUNK)
            if not prefixes:
                break
            for prefix in prefixes:
                last = found[-1] if found else after
                for address in expanded(prefix, last, sites=SITES):
                    found.append(address)
                    if len(found) == CHUNK:
                        return found
            beyond = prefixes[-1]
        return found

    async def _go_over(self, what: WatchSlice, chunk: Sequence[str]) -> Tally:
        async with self.pool.acquire() as connection:
            today = await watching.asked_today(connection)
            stood = await periods.standing(connection, chunk)
        spent = {entry.zone for entry in self.blocklists.known if _spent(entry, today, len(chunk))}
        known = {address for address, *_ in stood}

        def share(entry: Blocklist, about: Subject) -> bool:
            if entry.zone in spent:
                return False
            # What is listed is looked at in every pass: a listing that is gone is good news.
            due = is_due(str(about), what.number, what.turns.get(entry.zone, 1))
            return due or str(about) in known

        checked = await self.blocklists.go_over(chunk, share)
        cleared = gone(checked, [(about, zone) for about, zone, _ in stood])
        found = await self._keep(checked, cleared)
        await report(self.pool, chunk)
        domains = canonical_address(chunk[0]) is None
        return Tally(
            addresses=0 if domains else len(chunk),
            domains=len(chunk) if domains else 0,
            questions=sum(number for _, number in checked.questions),
            found=found,
            gone=len(cleared),
            unanswered={each.zone: each.why for each in checked.unanswered},
            short=tuple(sorted(_concerned(spent, checked, chunk, self.blocklists.known))),
        )

    async def _keep(self, checked: Checked, cleared: Sequence[tuple[str, str]]) -> int:
        async with transaction(self.pool) as connection:
            await watching.count_questions(connection, checked.questions)
            await watching.tell_of_refusals(connection, refusals(checked))
            found = await periods.keep(connection, [seen(each) for each in checked.found], cleared)
            still = [(each.address, each.zone) for each in checked.found]
            await periods.tell_incidents(connection, still, cleared)
        return found


@dataclass
class _Progress:
    """How far a slice is, as its heartbeat says."""

    after: str | None
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of_this_attempt(cls, after: str | None) -> "_Progress":
        details = activity.info().heartbeat_details
        if not details:
            return cls(after)
        last, addresses, questions, found, cleared, *domains = details
        counted = sum(domains)  # none in the beat of a worker that did not know of them
        return cls(
            last,
            Tally(addresses=addresses, questions=questions, found=found, gone=cleared,
                  domains=counted),
        )  # fmt: skip

    def beat(self) -> None:
        tally = self.tally
        activity.heartbeat(
            self.after, tally.addresses, tally.questions, tally.found, tally.gone, tally.domains
        )


@asynccontextmanager
async def _alive(progress: _Progress) -> AsyncIterator[None]:
    async def go_on() -> None:
        while True:
            progress.beat()
            await asyncio.sleep(_BEAT)

    async with beside(go_on()):
        yield


def _spent(entry: Blocklist, today: dict[str, int], more: int) -> bool:
    """Whether a list allows no more of the watch's questions today."""
    return entry.per_day is not None and today.get(entry.zone, 0) + more > entry.per_day


def _concerned(
    spent: set[str], checked: Checked, chunk: Sequence[str], known: Sequence[Blocklist]
) -> set[str]:
    """Those of the spent lists that would have been asked about any of these."""
    kinds = {kind_of(subject(address)) for address in chunk}
    return {entry.zone for entry in known if entry.zone in spent and kinds & entry.keeps}
