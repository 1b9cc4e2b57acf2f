"""The steps of the listing watch: all addresses, slice by slice, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from asyncpg import Pool
from temporalio import activity

from activities.blocklists.addresses import expanded
from activities.blocklists.dnsbl import Blocklists
from activities.blocklists.port import Checked, Subject, kind_of, subject
from activities.blocklists.proof import MEDIA_TYPE
from activities.listed import refusals, seen
from book import evidence, intake, listings, periods, watching
from book.beside import beside
from book.database import transaction
from book.periods import Unreported
from book.watching import SITES, WatchTask
from domain import watching as rules
from domain.blocklists import Blocklist
from domain.complaints import Complaint
from domain.steps import Done
from domain.watching import (
    EndWatch,
    PlanWatch,
    SliceWatched,
    Tally,
    WatchPlan,
    WatchSlice,
    is_due,
    late,
    of_addresses,
    too_many,
    turns,
)

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
        """Count the addresses, and reckon in how many passes each list can be asked about all."""
        async with self.pool.acquire() as connection:
            addresses = await watching.count(connection)
            number = await watching.next_pass(connection)
        return WatchPlan(
            number=number,
            addresses=addresses,
            turns={
                entry.zone: turns(entry, addresses, what.window_seconds)
                for entry in self.blocklists.known
                if of_addresses(entry)
            },
        )

    @activity.defn(name="watch_slice")
    async def watch_slice(self, what: WatchSlice) -> SliceWatched:
        """Ask about the next addresses, write down what is new and what is gone, report the new.

        Tried again, it goes on after the last chunk that was written down.
        """
        progress = _Progress.of_this_attempt(what.after)
        async with _alive(progress):
            while progress.tally.addresses < _SLICE:
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
        """The next addresses in order; none once all were gone over."""
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
        gone = [
            (address, zone)
            for address, zone, _ in stood
            if zone not in checked.zones or checked.is_off(address, zone)
        ]
        found = await self._keep(checked, gone)
        await self._report(chunk)
        return Tally(
            addresses=len(chunk),
            questions=sum(number for _, number in checked.questions),
            found=found,
            gone=len(gone),
            unanswered={each.zone: each.why for each in checked.unanswered},
            short=tuple(sorted(_concerned(spent, checked, chunk, self.blocklists.known))),
        )

    async def _keep(self, checked: Checked, gone: Sequence[tuple[str, str]]) -> int:
        async with transaction(self.pool) as connection:
            await watching.count_questions(connection, checked.questions)
            await watching.tell_of_refusals(connection, refusals(checked))
            found = await periods.keep(connection, [seen(each) for each in checked.found], gone)
            still = [(each.address, each.zone) for each in checked.found]
            await periods.tell_incidents(connection, still, gone)
        return found

    async def _report(self, chunk: Sequence[str]) -> None:
        """Each new reproach as a report of its own: the same one, however often it is tried."""
        async with self.pool.acquire() as connection:
            new = await periods.unreported(connection, chunk)
        for each in new:
            accepted = await intake.accept(self.pool, _report(each))
            incident = next(iter(accepted.incidents), None)
            async with transaction(self.pool) as connection:
                await periods.reported(connection, each.id, incident)
                if incident is not None:
                    one = [(each.address, each.zone, each.answer)]
                    await listings.keep(connection, incident, one, [])
                    await connection.execute("SELECT mark_dirty($1)", incident)


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
        last, addresses, questions, found, gone = details
        return cls(last, Tally(addresses=addresses, questions=questions, found=found, gone=gone))

    def beat(self) -> None:
        tally = self.tally
        activity.heartbeat(self.after, tally.addresses, tally.questions, tally.found, tally.gone)


@asynccontextmanager
async def _alive(progress: _Progress) -> AsyncIterator[None]:
    async def go_on() -> None:
        while True:
            progress.beat()
            await asyncio.sleep(_BEAT)

    async with beside(go_on()):
        yield


def _report(listing: Unreported) -> intake.Received:
    digest = evidence.digest(listing.proof).hex()[:8]
    return intake.Received(
        id=f"{listing.address}-{listing.zone}-{listing.id}-{digest}",
        reporter=rules.REPORTER,
        content=listing.proof,
        media_type=MEDIA_TYPE,
        complaints=(
            Complaint(
                format=rules.FORMAT,
                sent_at=listing.found_at,
                address=listing.address,
                fingerprint=f"{listing.address} {listing.zone}",
            ),
        ),
    )


def _spent(entry: Blocklist, today: dict[str, int], more: int) -> bool:
    """Whether a list allows no more of the watch's questions today."""
    return entry.per_day is not None and today.get(entry.zone, 0) + more > entry.per_day


def _concerned(
    spent: set[str], checked: Checked, chunk: Sequence[str], known: Sequence[Blocklist]
) -> set[str]:
    """Those of the spent lists that would have been asked about any of these."""
    kinds = {kind_of(subject(address)) for address in chunk}
    return {entry.zone for entry in known if entry.zone in spent and kinds & entry.keeps}
