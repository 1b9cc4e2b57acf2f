"""The detector: reads on, counts, learns each day, and says what is too much."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agents.detection.counting import SLICE, count, sent, source, take_for_announced
from agents.detection.memory import Memory, Sender, fresh, keep, remembered
from agents.detection.refusing import note, outside, tell_of
from agents.mta.source import LogSource, reader
from agents.mta.traffic import TrafficLog, Tried
from domain.detection import hours
from domain.detection.outbreaks import Outbreak, follow
from domain.detection.refused import Refused
from domain.detection.traffic import (
    DAYS,
    HOUR,
    RECENT,
    Traffic,
    calm,
    keeps_on,
    learned,
    limits,
    needed,
    reasons,
)
from domain.hosts import Campaign, Detection

log = logging.getLogger("plazo.host_agent")

_DAY = 86_400
_THIS_PROGRAM = 1_761_955_200
"""1 November 2025, Unix seconds: no clock that is right shows an earlier moment."""
_SAVE_EVERY = 60
"""Seconds. What was read since is read again after a crash, and counted as it was."""
_MOST_TO_TELL = 100
"""Detections that wait for the gateway; the oldest beyond are dropped, for newer ones say more."""


@dataclass(frozen=True, kw_only=True)
class Caps:
    """Copies within an hour that are too much whatever is usual."""

    domain: int = 1_000
    host: int = 5_000


class Detector:
    """Watches `traffic`'s log in `log_source`, remembers in `state_dir`. One thread at a time.

    Moments never go back and never are after now, whatever a log says. A day on which the log said
    nothing at all was not watched, or its log was lost: it is not learned as one without mail.
    """

    def __init__(
        self, traffic: TrafficLog, log_source: LogSource, state_dir: Path, now: int,
        caps: Caps = Caps(), address: str | None = None,
    ) -> None:  # fmt: skip
        """Raises NoLog."""
        self._traffic = traffic
        self._caps = caps
        self._address = address
        self._file = state_dir / "detection.json"
        memory = remembered(self._file)
        self._log = reader(log_source, None if memory is None else memory.place)
        self._memory = memory or fresh(self._log.place, now)
        self._campaigns: tuple[Campaign, ...] = ()
        self._touched: set[str] = set()
        self._found: list[Detection] = []
        self._saved_at = 0

    @property
    def memory(self) -> Memory:
        return self._memory

    def announced(self, campaigns: tuple[Campaign, ...]) -> None:
        """These campaigns, and no others, are taken into account from here on."""
        self._campaigns = campaigns

    def look(self, now: int) -> tuple[Detection, ...]:
        """Read what was written since, and say what is to be told. Raises NoLog.

        Nothing is saved: `tell` or `save` does that. What was found before an error is said at the
        next look.
        """
        memory = self._memory
        if not self._right(now):
            return ()
        caught_up = memory.clock
        for line in self._log.lines():
            event = self._traffic.understood(line, now)
            if event is None or (self._log.gap and event.at <= caught_up):
                continue
            self._advance(max(memory.clock, min(event.at, now)))
            memory.heard = True
            if isinstance(event, Tried):
                note(memory, event, self._address)
            domain = count(memory, event, self._campaigns)
            if domain is not None:
                self._touched.add(domain)
        self._log.gap = False
        self._advance(max(memory.clock, now))
        self._judge()
        found, self._found = tuple(self._found), []
        return found

    @property
    def news(self) -> Detection | Refused | None:
        """What the gateway is to be told next, the oldest first."""
        waiting: tuple[Detection | Refused, ...] = (*self._memory.outbox, *self._memory.refused)
        return waiting[0] if waiting else None

    def tell(self, found: Iterable[Detection]) -> None:
        """Have detections wait for the gateway, saved with all that they came from."""
        self._memory.outbox = (*self._memory.outbox, *found)[-_MOST_TO_TELL:]
        self._save()

    def told(self, news: Detection | Refused) -> None:
        """The gateway has it, or will never take it."""
        memory = self._memory
        memory.outbox = tuple(each for each in memory.outbox if each != news)
        memory.refused = tuple(each for each in memory.refused if each != news)
        self._save()

    def save(self, now: int) -> None:
        """Write the memory down, if it was not just now."""
        if now - self._saved_at >= _SAVE_EVERY:
            self._save()
            self._saved_at = now

    def _save(self) -> None:
        self._memory.place = self._log.place
        keep(self._file, self._memory)

    def _right(self, now: int) -> bool:
        """Whether this machine's clock can be believed; a machine that starts may not know yet."""
        memory = self._memory
        if now >= memory.clock - HOUR:
            return True
        if now < _THIS_PROGRAM:
            return False
        log.warning("the clock was wrong before, the last hour is counted anew")
        for sender in (memory.host, *memory.senders.values()):
            sender.slices = ()
            if sender.outbreak is not None and sender.outbreak.told_at > now:
                sender.outbreak = None
        memory.clock = now
        return True

    def _advance(self, to: int) -> None:
        """Let time pass: at the end of each slice all is judged, at the end of a day learned."""
        memory = self._memory
        if to // SLICE != memory.clock // SLICE:
            self._judge()
            if to // _DAY != memory.clock // _DAY and memory.heard:
                self._learn()
                memory.heard = False
        memory.clock = to

    def _learn(self) -> None:
        for sender in (self._memory.host, *self._memory.senders.values()):
            sender.peaks, sender.today = learned(sender.peaks, sender.today), type(sender.today)()
            sender.hours = hours.learned(sender.hours, sender.hours_today)
            sender.hours_today = {}
        for domain, sender in list(self._memory.senders.items()):
            if sender.peaks.quiet and len(sender.peaks.copies) == DAYS and not sender.outbreak:
                del self._memory.senders[domain]

    def _judge(self) -> None:
        memory = self._memory
        explained: list[Traffic] = []
        for domain, sender in memory.senders.items():
            if domain not in self._touched and sender.outbreak is None:
                continue
            seen = self._followed(domain, sender, ())
            if sender.outbreak is not None:
                explained.append(seen)
        self._touched.clear()
        self._followed(None, memory.host, explained)
        tell_of(memory, memory.clock)

    def _followed(
        self, domain: str | None, sender: Sender, explained: Sequence[Traffic]
    ) -> Traffic:
        """One sender's hour, without what others explain; it is judged, and learned from."""
        now = self._memory.clock
        cap = self._caps.host if domain is None else self._caps.domain
        allowed = hours.narrowed(limits(sender.peaks, cap), sender.peaks, sender.hours, now)
        over = needed(sent(sender, now).without(explained), allowed)
        take_for_announced(self._memory, self._campaigns, domain, sender, over)
        seen = sent(sender, now).without(explained)
        sender.today = sender.today.with_hour(seen, allowed)
        usual = min(seen.copies, allowed.copies.most)
        sender.hours_today = hours.noted(sender.hours_today, now, usual)
        why = reasons(seen, allowed)
        before = sender.outbreak
        if before is not None and not keeps_on(sent(sender, now, RECENT), allowed):
            why = ()  # The hour is full of what was told; it is not going on.
        sender.outbreak, tell = follow(before, over=bool(why), is_calm=calm(seen, allowed), now=now)
        if before is not None and sender.outbreak is None:
            log.info("outbreak is over", extra={"domain": domain})
        if tell and sender.outbreak is not None:
            new = seen.copies if before is None else sender.untold
            sender.untold = 0
            log.warning("detected", extra={"domain": domain, "why": "; ".join(why)})
            self._found.append(self._detection(domain, sender, sender.outbreak, seen, new, why))
        return seen

    def _detection(
        self, domain: str | None, sender: Sender, outbreak: Outbreak, seen: Traffic, new: int,
        why: tuple[str, ...],
    ) -> Detection:  # fmt: skip
        now = self._memory.clock
        # Of an outbreak that is known, only what was sent of late is news.
        sent_at = now if outbreak.told == 1 else now - RECENT
        return Detection(
            id=f"{domain or 'host'}-{outbreak.began_at}-{outbreak.told}",
            domain=domain,
            began_at=datetime.fromtimestamp(outbreak.began_at, UTC),
            seen_at=datetime.fromtimestamp(now, UTC),
            sent_at=datetime.fromtimestamp(sent_at, UTC),
            new=new,
            messages=seen.messages,
            copies=seen.copies,
            distinct=seen.distinct,
            judged=seen.judged,
            rejected=seen.rejected,
            deferred=seen.deferred,
            address=self._address or outside(self._memory, source(sender, now)),
            reasons=why,
        )
