"""The step that reads what Microsoft says without a DNS list, and treats it as one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

from asyncpg import Pool
from temporalio import activity

from activities.blocklists.snds import ZONE, Feed, NotRead, Snds
from book.blocklists import periods, snds, watching
from book.blocklists.periods import Seen
from book.blocklists.watching import WatchTask
from book.database import transaction
from book.intake.reproaches import report
from domain.blocklists.watching import FeedsRead, ReadFeeds

_CHUNK = 256
"""Listings that are written down in one transaction."""

_TOLD = 3
"""Unreadable lines that a person is told of."""


@dataclass(frozen=True)
class Feeds:
    """The verb on `pool`. Without `feed` there is nothing to read."""

    pool: Pool
    feed: Snds | None = None

    @activity.defn(name="read_feeds")
    async def read_feeds(self, what: ReadFeeds) -> FeedsRead:
        """Write down what is blocked or red, what is so no more, and each day's figures; report
        what is new. A feed that cannot be read is a task, and says nothing about anybody.
        """
        if self.feed is None:
            return FeedsRead()
        try:
            feed = await self.feed.read()
        except NotRead as error:
            return await self._problem(str(error))
        listed = await self._listed(feed)
        found = 0
        async with self.pool.acquire() as connection:
            stood = await snds.listed(connection, ZONE)
        # A line that cannot be read may be about what seems to be gone.
        gone = [] if feed.unread else [each for each in stood if each[0] not in listed]
        for chunk in _chunks([*listed.values()]):
            async with transaction(self.pool) as connection:
                found += await periods.keep(connection, chunk, [])
                await periods.tell_incidents(connection, [(one.address, ZONE) for one in chunk], [])
        async with transaction(self.pool) as connection:
            await periods.keep(connection, [], gone)
            await periods.tell_incidents(connection, [], gone)
        for chunk in _chunks([*listed.values()]):
            await report(self.pool, [one.address for one in chunk])
        # After the reports: the day's figures are evidence of the incidents that these have opened.
        async with transaction(self.pool) as connection:
            await snds.keep(connection, feed.days)
        if feed.unread:
            some = "; ".join(feed.unread[:_TOLD])
            told = await self._problem(f"{len(feed.unread)} lines cannot be read: {some}")
            return FeedsRead(found=found, problem=told.problem)
        return FeedsRead(found=found, gone=len(gone))

    async def _listed(self, feed: Feed) -> dict[str, Seen]:
        """What is blocked or red among our own addresses, by address; blocked says more."""
        async with self.pool.acquire() as connection:
            ranges = [(each.first, each.last) for each in feed.blocked]
            prefixes = await snds.ours(connection, ranges)
            red = [day for day, _ in feed.days if day.filter_result == "RED"]
            theirs = await snds.ours(connection, [(day.address, day.address) for day in red])
        now = datetime.now(UTC)
        listed = {}
        for day in red:
            if any(IPv4Address(day.address) in IPv4Network(prefix) for prefix in theirs):
                listed[day.address] = _seen(day.address, str(day).partition(": ")[2], now)
        for each in feed.blocked:
            for prefix in prefixes:
                for address in each.within(prefix):
                    why = f" ({each.why})" if each.why else ""
                    listed[address] = _seen(address, f"blocked{why}", now)
        return listed

    async def _problem(self, why: str) -> FeedsRead:
        detail = f"Microsoft SNDS: {why}. Until it is read, nobody sees whom Microsoft blocks"
        async with transaction(self.pool) as connection:
            await watching.ask_person(connection, WatchTask.FEED, ZONE, detail)
        return FeedsRead(problem=why)


def _chunks(seen: Sequence[Seen]) -> Iterator[Sequence[Seen]]:
    return (seen[start : start + _CHUNK] for start in range(0, len(seen), _CHUNK))


def _seen(address: str, said: str, at: datetime) -> Seen:
    told = {
        "kind": "listing", "address": address, "zone": ZONE, "answer": said, "at": at.isoformat(),
    }  # fmt: skip
    proof = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
    return Seen(address=address, zone=ZONE, answer=said, reproach=True, proof=proof)
