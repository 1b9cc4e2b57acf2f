"""What an agent has seen and the gateway does not know yet."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from agents.link import KeyRefused, Link, LinkDown, NotTaken
from agents.pace import BackOff
from domain.hosts import Counts, Observation, Report
from domain.news import Observed

log = logging.getLogger("plazo.host_agent")

_MOST_LISTED = 20_000
"""Messages that are told of one by one at once; they stay well below what the gateway takes in one
request. Of more the first are listed, and all are counted: nobody reads through as many."""

_LONGEST_DETAIL = 500
"""Characters of a mail server's own words that are worth a line on record."""


class Observations:
    """The newest observation of every measure, handed in until the gateway has taken it.

    Nothing is sent when nothing changed. Nothing is kept on disk: an agent that starts again looks
    again.
    """

    def __init__(self, link: Link, pause: BackOff) -> None:
        self._link = link
        self._pause = pause
        self._latest: dict[str, Observation] = {}
        self._taken: dict[str, Observation] = {}
        """What the gateway is known to have; nothing while an answer of it is missing."""
        self._changed = asyncio.Event()

    def note(self, seen: Observation) -> None:
        """Remember what was seen, in place of what was seen of that measure before."""
        seen = replace(seen, detail=seen.detail[:_LONGEST_DETAIL])
        if self._latest.get(seen.key) != seen:
            log.info("seen", extra={"key": seen.key, "observed": seen.observed, "why": seen.detail})
        self._latest[seen.key] = seen
        self._changed.set()

    def note_failure(self, key: str, why: str) -> None:
        """A verb failed; what is known about its held messages is still as it was."""
        before = self._latest.get(key) or Observation(key=key, observed=Observed.FAILED)
        self.note(replace(before, observed=Observed.FAILED, detail=why))

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget the measures that the gateway has forgotten."""
        for known in (self._latest, self._taken):
            for key in known.keys() - set(keys):
                del known[key]

    async def hand_in(self) -> None:
        """Send what changed, for ever. A gateway that cannot be reached gets it later."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            news = {key: o for key, o in self._latest.items() if self._taken.get(key) != o}
            if not news:
                continue
            for key in news:
                self._taken.pop(key, None)
            try:
                for together in _batches(news.values()):
                    await self._tell(together)
            except LinkDown as error:
                seconds = self._pause.next()
                level = logging.ERROR if isinstance(error, KeyRefused) else logging.WARNING
                log.log(level, "not handed in", extra={"why": str(error), "again": seconds})
                await asyncio.sleep(seconds)
                self._changed.set()
                continue
            self._pause.over()
            self._taken |= {key: o for key, o in news.items() if key in self._latest}

    async def _tell(self, together: tuple[Observation, ...]) -> None:
        """What the gateway will never take, such as of a measure that its book has lost, is not
        repeated, and keeps nothing else back."""
        try:
            await self._link.observed(Report(observations=together))
        except NotTaken as error:
            if len(together) == 1:
                log.error("not taken", extra={"key": together[0].key, "why": str(error)})
                return
            for each in together:
                await self._tell((each,))


def _batches(news: Iterable[Observation]) -> Iterator[tuple[Observation, ...]]:
    """As many observations at once as list no more messages than may be."""
    batch: list[Observation] = []
    listed = 0
    for each in map(_short, news):
        if batch and listed + len(each.messages) > _MOST_LISTED:
            yield tuple(batch)
            batch, listed = [], 0
        batch.append(each)
        listed += len(each.messages)
    yield tuple(batch)


def _short(seen: Observation) -> Observation:
    """Always the same messages of a measure: they come in the order of their arrival."""
    if len(seen.messages) <= _MOST_LISTED:
        return seen
    listed = seen.messages[:_MOST_LISTED]
    return replace(seen, messages=listed, counts=Counts.of(seen.messages))
