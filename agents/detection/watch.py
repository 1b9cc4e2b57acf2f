"""The detector at work beside the agent's other tasks: it looks, and hands in what it found."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agents.detection.detector import Caps, Detector
from agents.link import KeyRefused, Link, LinkDown, NotTaken
from agents.mta.logfile import NoLog
from agents.mta.traffic import TrafficLog
from agents.pace import BackOff
from domain.detection.refused import Refused
from domain.hosts import Campaign, Detection

log = logging.getLogger("plazo.host_agent")


@dataclass(frozen=True, kw_only=True)
class WatchRhythm:
    """How often, in seconds."""

    look: float = 15.0
    blind: float = 300.0
    """Until a log that could not be read is tried again."""
    first_retry: float = 1.0
    longest_retry: float = 300.0


class Watch:
    """Watches what `traffic` says; nothing is sent by `link` while nothing is too much.

    `campaigns` are those announced for this host, as the desired state last said.
    """

    def __init__(
        self,
        link: Link,
        traffic: TrafficLog,
        state_dir: Path,
        *,
        caps: Caps,
        address: str | None = None,
        rhythm: WatchRhythm | None = None,
    ) -> None:
        self.campaigns: tuple[Campaign, ...] = ()
        self._link = link
        self._traffic = traffic
        self._state_dir = state_dir
        self._caps = caps
        self._address = address
        self._rhythm = rhythm or WatchRhythm()
        self._detector: Detector | None = None
        self._turn = asyncio.Lock()
        """Held by whoever uses the detector, which is made for one at a time."""
        self._news = asyncio.Event()

    async def look(self) -> None:
        """Look for ever. A log that cannot be read is said once, and tried again."""
        blind = ""
        while True:
            rest = self._rhythm.look
            try:
                await self._look_once()
                blind = ""
            except Exception as error:
                # The measures of this host need the agent, whatever is wrong with a log.
                rest = self._rhythm.blind
                why = str(error) or type(error).__name__
                if why != blind:
                    expected = isinstance(error, NoLog)
                    log.error("sees no traffic", extra={"why": why}, exc_info=not expected)
                blind = why
            await asyncio.sleep(rest)

    async def _look_once(self) -> None:
        async with self._turn:
            now = int(time.time())
            if self._detector is None:
                file = await self._traffic.file()
                self._detector = await asyncio.to_thread(
                    Detector, self._traffic, file, self._state_dir, now, self._caps, self._address
                )
                self._news.set()  # what an earlier run could not hand in
            detector = self._detector
            detector.announced(self.campaigns)
            found = await asyncio.to_thread(detector.look, now)
            if found:
                await asyncio.to_thread(detector.tell, await self._with_queue(found))
            else:
                await asyncio.to_thread(detector.save, now)
            if detector.news is not None:
                self._news.set()

    async def _with_queue(self, found: Sequence[Detection]) -> list[Detection]:
        """With how many messages of each are in the queue still, which is asked for only now."""
        waiting = None
        try:
            waiting = await self._traffic.waiting()
        except Exception:
            log.exception("the queue cannot be read")
        if waiting is None:
            return list(found)
        total = sum(waiting.values())
        return [
            replace(each, waiting=total if each.domain is None else waiting.get(each.domain, 0))
            for each in found
        ]

    async def hand_in(self) -> None:
        """Send what was found, the oldest first, until the gateway has taken it; for ever."""
        pause = BackOff(first=self._rhythm.first_retry, longest=self._rhythm.longest_retry)
        while True:
            await self._news.wait()
            async with self._turn:
                detector = self._detector
                news = None if detector is None else detector.news
            if detector is None or news is None:
                self._news.clear()
                continue
            try:
                if isinstance(news, Refused):
                    await self._link.refused(news)
                else:
                    await self._link.detected(news)
            except NotTaken as error:
                log.error("not taken", extra={"why": str(error), "id": news.id})
            except LinkDown as error:
                seconds = pause.next()
                level = logging.ERROR if isinstance(error, KeyRefused) else logging.WARNING
                log.log(level, "not handed in", extra={"why": str(error), "again": seconds})
                await asyncio.sleep(seconds)
                continue
            pause.over()
            async with self._turn:
                await asyncio.to_thread(detector.told, news)
