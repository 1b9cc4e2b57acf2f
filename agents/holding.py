"""What holding, redirecting and releasing mean, step by step, on any mail server with a queue."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from agents.files import NotKept
from agents.ledger import Entry, Ledger
from agents.mail_server import MailServer, Queued
from agents.outbound import HOLDS, concerns, fate
from domain.hosts import Desired, Fate, HeldMessage, Observation
from domain.measures import Measure
from domain.news import Observed

_FINAL = (Fate.DELIVERED, Fate.DISCARDED)


class Holding:
    """A `MailHost` (agents/mta/port.py) on top of a mail server's queue.

    Only messages that it put on hold itself, which `state_dir` remembers, are ever released or
    deleted: what an administrator holds stays as it is.
    """

    keeps_back = HOLDS | {Measure.SMARTHOST_REDIRECT}
    """The measures under which mail waits on hold; under a redirect, what the smarthost refuses."""

    def __init__(self, server: MailServer, state_dir: Path) -> None:
        self._server = server
        self._ledger = Ledger(state_dir / "held.json")

    @property
    def name(self) -> str:
        return self._server.name

    @property
    def can(self) -> frozenset[Measure]:
        return self._server.can

    async def apply(self, measure: Desired) -> Observation:
        """Bring it in force; mail that waits already is put on hold too."""
        others = tuple(each for each in self._ledger.in_force() if each.key != measure.key)
        # Before the ledger knows it: a measure that cannot be carried out must not spoil others.
        beyond = await self._server.enforce((*others, measure))
        try:
            entry = self._ledger.opened(measure)
        except NotKept as error:
            # It holds on the mail server. What waits is put on hold once that can be written down.
            self._ledger.known(measure)
            return self._unwritten(measure, beyond, error)
        kept = {k: replace(m, fate=None) for k, m in entry.messages.items() if m.fate is Fate.KEPT}
        self._ledger.put(replace(entry, messages=entry.messages | kept))
        return await self._seen_or_unwritten(measure, beyond)

    async def observe(self, measure: Desired) -> Observation:
        """Put on hold what came in since, and say what is held."""
        beyond = await self._server.enforce(self._ledger.in_force())
        return await self._seen_or_unwritten(measure, beyond)

    async def lift(self, measure: Desired) -> Observation:
        """End it and see to every message that it held, in steps that may each be repeated."""
        before = self._ledger.entries.get(measure.key)
        if before is None:
            await self._server.enforce(self._ledger.in_force())
            return Observation(
                key=measure.key, observed=Observed.LIFTED, detail="it was never in force"
            )
        if before.applied:
            # What waits since the last look is the client's to decide on as well.
            await self._seen(before.measure)
        entry = self._ledger.opened(measure)
        if not entry.done:
            await self._server.enforce(self._ledger.in_force())
            entry = await self._settle(await self._look(entry))
        return _observation(entry, f"lifted on {self.name}")

    async def _seen_or_unwritten(self, measure: Desired, beyond: str) -> Observation:
        try:
            return await self._seen(measure, beyond)
        except NotKept as error:
            return self._unwritten(measure, beyond, error)

    def _unwritten(self, measure: Desired, beyond: str, error: NotKept) -> Observation:
        words = (f"in force on {self.name}", f"nothing can be written down ({error})", beyond)
        return _observation(self._ledger.entries[measure.key], "; ".join(filter(None, words)))

    async def _seen(self, measure: Desired, beyond: str = "") -> Observation:
        entry = await self._look(self._ledger.entries[measure.key])
        refused = sum(message.fate is None for message in entry.messages.values())
        if refused and measure.restriction.measure is Measure.SMARTHOST_REDIRECT:
            beyond = "; ".join(filter(None, (beyond, f"the smarthost refuses {refused}, on hold")))
        return _observation(entry, "; ".join(filter(None, (f"in force on {self.name}", beyond))))

    async def _look(self, entry: Entry) -> Entry:
        entry = await self._count(entry)
        return await self._sweep(entry) if self._keeps_back(entry) else entry

    def _keeps_back(self, entry: Entry) -> bool:
        return entry.measure.restriction.measure in self.keeps_back

    async def _count(self, entry: Entry) -> Entry:
        relayed = await self._server.relayed(entry.measure)
        before = entry.relayed if entry.counter == relayed.counter else 0
        counted = max(before, relayed.messages)
        self._ledger.put(entry := replace(entry, relayed=counted, counter=relayed.counter))
        return entry

    async def _sweep(self, entry: Entry) -> Entry:
        """Put on hold what the measure concerns and what waits to go out, written down first."""
        queue = await self._queue(entry.messages)
        held_elsewhere = self._in_other_hands(entry, in_force=True)
        messages, fresh = dict(entry.messages), {}
        for queue_id, each in queue.items():
            message = each.message
            if not concerns(entry.measure.restriction, message.sender):
                continue
            if each.on_hold:
                if not _redirects(entry) and _same(message, held_elsewhere.get(queue_id)):
                    messages.setdefault(queue_id, message)
            elif self._takes(entry, each):
                fresh[queue_id] = message
        for queue_id, message in messages.items():
            if message.fate is None and not _here(message, queue):
                messages[queue_id] = self._gone(entry, message)
        self._ledger.put(entry := replace(entry, messages=messages | fresh))
        if fresh:
            await self._server.hold(fresh)
        return entry

    def _takes(self, entry: Entry, queued: Queued) -> bool:
        """Whether a message that waits, and that the measure concerns, is put on hold for it."""
        if entry.applied:
            return queued.refused if _redirects(entry) else queued.outbound
        before = entry.messages.get(queued.message.queue_id)
        theirs = queued.refused if _redirects(entry) else queued.stopped
        return theirs and not _decided(queued.message, before)

    async def _settle(self, entry: Entry) -> Entry:
        """Decide each message's fate, write it down, then carry it out."""
        queue = await self._queue(entry.messages)
        stays = self._in_other_hands(entry, in_force=True)
        stays |= self._in_other_hands(entry, in_force=False)
        messages = dict(entry.messages)
        for queue_id, message in entry.messages.items():
            if message.fate in _FINAL:
                continue
            if not _here(message, queue):
                messages[queue_id] = self._gone(entry, message)
                continue
            end: Fate | None = fate(entry.measure, message)
            if end is Fate.DELIVERED and _same(message, stays.get(queue_id)):
                end = None
            messages[queue_id] = replace(message, fate=end)
        self._ledger.put(entry := replace(entry, messages=messages))
        now = [(m.fate, queue[k]) for k, m in messages.items() if _here(m, queue)]
        await self._carry_out(now)
        done = all(message.fate is not None for message in messages.values())
        self._ledger.put(entry := replace(entry, done=done))
        return entry

    async def _carry_out(self, fates: list[tuple[Fate | None, Queued]]) -> None:
        verbs = (
            (Fate.DISCARDED, (True, False), self._server.discard),
            (Fate.KEPT, (False,), self._server.hold),
            (Fate.DELIVERED, (True,), self._server.release),
        )
        for end, on_hold, verb in verbs:
            ids = [q.message.queue_id for f, q in fates if f is end and q.on_hold in on_hold]
            if ids:
                await verb(ids)

    async def _queue(self, expected: Collection[str]) -> dict[str, Queued]:
        """The queue by queue id. A listing misses what moves meanwhile, so it looks twice."""
        queue = {each.message.queue_id: each for each in await self._server.queued()}
        if not queue.keys() >= set(expected):
            queue |= {each.message.queue_id: each for each in await self._server.queued()}
        return queue

    def _in_other_hands(self, entry: Entry, *, in_force: bool) -> dict[str, HeldMessage]:
        """What the other measures in force hold too, or what others, lifted, keep on hold."""
        wanted = None if in_force else Fate.KEPT
        return {
            queue_id: message
            for other in self._ledger.others(entry.measure.key)
            if other.applied is in_force
            for queue_id, message in other.messages.items()
            if message.fate is wanted
        }

    def _gone(self, entry: Entry, message: HeldMessage) -> HeldMessage:
        """Ended by another measure that held it too; or else somebody deleted it on the host."""
        for other in self._ledger.others(entry.measure.key):
            theirs = other.messages.get(message.queue_id)
            if theirs is not None and theirs.fate in _FINAL and _same(message, theirs):
                return replace(message, fate=theirs.fate)
        return replace(message, fate=Fate.DISCARDED)


def _redirects(entry: Entry) -> bool:
    return entry.measure.restriction.measure is Measure.SMARTHOST_REDIRECT


def _same(message: HeldMessage, other: HeldMessage | None) -> bool:
    """Queue ids are used again, later, by mail servers with short ones."""
    return other is not None and (
        (message.queue_id, message.arrived_at) == (other.queue_id, other.arrived_at)
    )


def _here(message: HeldMessage, queue: dict[str, Queued]) -> bool:
    found = queue.get(message.queue_id)
    return found is not None and _same(message, found.message)


def _decided(message: HeldMessage, before: HeldMessage | None) -> bool:
    return before is not None and _same(message, before) and before.fate is not None


def _observation(entry: Entry, detail: str) -> Observation:
    """A lifted measure's message that another one still holds stays held: it is kept."""
    messages: tuple[HeldMessage, ...] = tuple(entry.messages.values())
    if not entry.applied:
        messages = tuple(replace(each, fate=each.fate or Fate.KEPT) for each in messages)
    return Observation(
        key=entry.measure.key,
        observed=Observed.APPLIED if entry.applied else Observed.LIFTED,
        detail=detail,
        relayed=entry.relayed,
        counter=entry.counter,
        messages=tuple(sorted(messages, key=lambda each: (each.arrived_at, each.queue_id))),
    )
