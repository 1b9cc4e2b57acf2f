"""`rate_limit` on Postfix: all that it concerns is stopped, and so many an hour are let pass.

The queue manager defers limited mail (`defer_transports`), whichever way it came. The agent lets
messages pass one by one, the oldest first: it writes down that one counts, then asks for it by its
queue id, which is the one thing that `defer_transports` gives way to. What is beyond the limit is
put on hold, where it does not grow too old and no `postqueue -f` sends it. Without the agent,
limited mail waits, and no other. Postfix's own `transport_rate_delay` is not used: it starts anew
with each reload, and what waits for it fills the active queue for everybody.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agents.holding import Holding
from agents.ledger import Entry
from agents.mail_server import Queued
from agents.mta.postfix.passes import Passes
from agents.mta.postfix.server import Postfix
from agents.outbound import HOLDS, concerns
from domain.hosts import Desired, Fate, HeldMessage
from domain.measures import Measure

_MOST_TOLD = 1_000
"""Messages that had to wait and went, which each observation goes on naming."""


class LimitedHolding(Holding):
    """A `Holding` whose rate limits keep back what is beyond them."""

    keeps_back = Holding.keeps_back | {Measure.RATE_LIMIT}

    def __init__(self, server: Postfix, state_dir: Path) -> None:
        super().__init__(server, state_dir)
        self._postfix = server
        self._passes = Passes(state_dir / "passes.json")

    async def _sweep(self, entry: Entry) -> Entry:
        if _limits(entry):
            await self._let_pass()
            entry = self._ledger.entries[entry.measure.key]
        return await super()._sweep(entry)

    def _takes(self, entry: Entry, queued: Queued) -> bool:
        if not _limits(entry):
            return super()._takes(entry, queued)
        # What was let pass, and has to try again, does so at Postfix's pace.
        return queued.stopped and not self._passes.allowed(queued.message)

    async def _let_pass(self) -> None:
        """Send the oldest messages that every limit which concerns them has room for."""
        now = datetime.now(UTC)
        limits = [each for each in self._ledger.entries.values() if _limits(each)]
        room = {each.measure.key: self._passes.room(each.measure, now) for each in limits}
        everything = await self._postfix.queued()
        queue = [each for each in everything if self._may_go(each)]
        fresh: list[tuple[HeldMessage, list[Desired]]] = []
        going: list[Queued] = []
        for each in sorted(queue, key=lambda one: (one.message.arrived_at, one.message.queue_id)):
            counts = [
                limit.measure
                for limit in limits
                if concerns(limit.measure.restriction, each.message.sender)
            ]
            if self._passes.allowed(each.message):
                going.append(each)
            elif all(room[limit.key] for limit in counts):
                for limit in counts:
                    room[limit.key] -= 1
                fresh.append((each.message, counts))
                going.append(each)
        self._passes.forget([each.message for each in everything], now)
        self._passes.let(fresh, now)
        self._note_gone(going)
        if held := [each.message.queue_id for each in going if each.on_hold]:
            await self._postfix.off_hold(held)
        await self._postfix.deliver([each.message.queue_id for each in going])

    def _may_go(self, queued: Queued) -> bool:
        """Stopped by a limit, or on hold for nothing but limits."""
        message = queued.message
        concerned = [
            entry
            for entry in self._ledger.entries.values()
            if entry.applied and concerns(entry.measure.restriction, message.sender)
        ]
        limits = [each for each in concerned if _limits(each)]
        if not limits or any(_keeps(each, message) for each in concerned):
            return False
        if not queued.on_hold:
            return queued.stopped
        return any(_holds(each, message) for each in limits)

    def _note_gone(self, going: list[Queued]) -> None:
        for entry in [each for each in self._ledger.entries.values() if _limits(each)]:
            gone = {
                each.message.queue_id: replace(each.message, fate=Fate.DELIVERED)
                for each in going
                if _holds(entry, each.message)
            }
            if not gone:
                continue
            messages = entry.messages | gone
            told = [k for k, message in messages.items() if message.fate is Fate.DELIVERED]
            for queue_id in told[: -_MOST_TOLD or None]:
                if queue_id not in gone:
                    del messages[queue_id]
            self._ledger.put(replace(entry, messages=messages))


def _limits(entry: Entry) -> bool:
    return entry.applied and entry.measure.restriction.measure is Measure.RATE_LIMIT


def _keeps(entry: Entry, message: HeldMessage) -> bool:
    """Whether a measure that is no limit has it stay, however much room there is."""
    measure = entry.measure.restriction.measure
    refused = measure is Measure.SMARTHOST_REDIRECT and _holds(entry, message)
    return measure in HOLDS or refused


def _holds(entry: Entry, message: HeldMessage) -> bool:
    """Whether the agent put it on hold for this entry; it may have been let pass already."""
    ours = entry.messages.get(message.queue_id)
    return ours is not None and (ours.arrived_at, ours.fate in (None, Fate.DELIVERED)) == (
        message.arrived_at,
        True,
    )
