"""From a log's events to what each sender sent within the hour: each copy once, in bounded room."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from agents.detection.memory import Memory, Passing, Sender, Slice
from agents.detection.sketch import added, distinct, keyed
from agents.mta.traffic import Began, Event, Over, Result, Tried
from domain.detection.traffic import HOUR, Traffic
from domain.hosts import Campaign
from domain.intake.complaints import canonical_domain

SLICE = 600
"""Seconds; the hour that is looked at has six slices, the last one not over yet."""

_MOST_SENDERS = 2_000
_MOST_PASSING = 20_000
"""Messages of the queue that are followed; of those beyond, another try counts as another copy."""
_MOST_TRIED = 1_000
"""Recipients that are remembered of one message."""
_MOST_SOURCES = 64
"""Addresses of ours that one sender's mail left from within ten minutes."""
_NEARLY_ALL = 0.9
_MOST_USED = 1_000
"""Campaigns that are remembered, over or not: one that comes back has not grown anew."""


def count(memory: Memory, event: Event, campaigns: Iterable[Campaign]) -> str | None:
    """Add an event to its sender and to the host; the sender, if there was a copy to count."""
    match event:
        case Began(queue_id=queue_id, sender=envelope):
            domain = _domain_of(envelope)
            known = memory.passing.get(queue_id)
            if known is None or known.domain != domain:  # ids are used again, later
                memory.passing[queue_id] = Passing(domain=domain, began_at=memory.clock)
            if len(memory.passing) > _MOST_PASSING:
                del memory.passing[next(iter(memory.passing))]
        case Over(queue_id=queue_id):
            memory.passing.pop(queue_id, None)
        case Tried():
            return _count_copy(memory, event, campaigns)
    return None


def _count_copy(memory: Memory, copy: Tried, campaigns: Iterable[Campaign]) -> str | None:
    message = memory.passing.get(copy.queue_id)
    if message is None:
        # Taken up before we began to read, or put out of our memory.
        message = Passing(domain=None, began_at=memory.clock)
        memory.passing[copy.queue_id] = message
    if message.began_at <= memory.clock - HOUR:
        return None  # It was sent earlier, and held or stuck: its leaving now is no burst.
    recipient = keyed(copy.recipient.lower(), bytes.fromhex(memory.key))
    again = recipient in message.tried
    if copy.result in (Result.DEFERRED, Result.UNTOLD) and not again:
        message.tried = (*message.tried, recipient)[-_MOST_TRIED:]
    senders = [memory.host]
    if message.domain is not None:
        senders.append(_sender(memory, message.domain))
    for sender in senders:
        part = _slice(sender, memory.clock)
        announced = any(
            each.domain in (None, message.domain)
            and running(
                each, memory.clock, memory, None if sender is memory.host else message.domain
            )
            for each in campaigns
        )
        if not again:
            part.messages += not message.counted
            part.copies += 1
            part.judged += not announced
            part.recipients = added(part.recipients, recipient)
            sender.untold += 1
            if copy.source is not None and (
                copy.source in part.sources or len(part.sources) < _MOST_SOURCES
            ):
                part.sources[copy.source] = part.sources.get(copy.source, 0) + 1
        if not announced:
            part.rejected += copy.result is Result.REJECTED
            part.deferred += copy.result is Result.DEFERRED and not again
    message.counted = True
    return message.domain


def pool(campaign: Campaign, domain: str | None) -> str:
    """What a campaign's copies are counted off: once for its domains, once for the whole host."""
    return f"{campaign.id}/{'host' if domain is None else 'domains'}"


def running(campaign: Campaign, at: int, memory: Memory, domain: str | None) -> bool:
    """Whether it still covers this domain's mail at a moment; the whole host's for None."""
    concerned = domain is None or campaign.domain in (None, domain)
    within = int(campaign.begins_at.timestamp()) <= at < campaign.ends_at.timestamp()
    return concerned and within and memory.used.get(pool(campaign, domain), 0) < campaign.messages


def sent(sender: Sender, at: int, seconds: int = HOUR) -> Traffic:
    """What it sent within the hour, or less, up to a moment, without what was announced."""
    parts = [part for part in sender.slices if part.began_at > at - seconds]
    copies = sum(part.copies for part in parts)
    covered = sum(part.covered for part in parts)
    seen = Traffic(
        messages=sum(part.messages for part in parts),
        copies=copies,
        distinct=min(copies, distinct(part.recipients for part in parts)),
        judged=sum(part.judged for part in parts),
        rejected=sum(part.rejected for part in parts),
        deferred=sum(part.deferred for part in parts),
    )
    return seen.covered(covered)


def source(sender: Sender, at: int) -> str | None:
    """The address of ours that nearly all of the hour's copies left from; None if there is none."""
    left: Counter[str] = Counter()
    for part in sender.slices:
        if part.began_at > at - HOUR:
            left.update(part.sources)
    [(address, copies)] = left.most_common(1) or [("", 0)]
    return address if copies and copies >= _NEARLY_ALL * copies_within(sender, at) else None


def copies_within(sender: Sender, at: int) -> int:
    """All copies of the hour, announced ones too."""
    return sum(part.copies for part in sender.slices if part.began_at > at - HOUR)


def covered_within(sender: Sender, at: int) -> int:
    """The announced copies of the hour."""
    return sum(part.covered for part in sender.slices if part.began_at > at - HOUR)


def cover(sender: Sender, copies: int, at: int) -> None:
    """Take copies of the last minutes for announced ones."""
    _slice(sender, at).covered += copies
    sender.untold = max(0, sender.untold - copies)


def take_for_announced(
    memory: Memory, campaigns: Iterable[Campaign], domain: str | None, sender: Sender, copies: int
) -> None:
    """Count copies beyond a limit off the campaigns that run, as far as these go."""
    under_way = [each for each in campaigns if running(each, memory.clock, memory, domain)]
    if domain is None and all(each.domain is not None for each in under_way):
        # Of the host's, no more than these domains sent: a campaign hides nobody else's.
        domains = {each.domain for each in under_way}
        theirs = [found for name, found in memory.senders.items() if name in domains]
        whole = sum(copies_within(each, memory.clock) for each in theirs)
        copies = max(0, min(copies, whole - covered_within(sender, memory.clock)))
    for campaign in under_way:
        if copies:
            name = pool(campaign, domain)
            taken = min(copies, campaign.messages - memory.used.get(name, 0))
            memory.used[name] = memory.used.get(name, 0) + taken
            if len(memory.used) > _MOST_USED:
                del memory.used[next(iter(memory.used))]
            cover(sender, taken, memory.clock)
            copies -= taken


def _slice(sender: Sender, at: int) -> Slice:
    began_at = at // SLICE * SLICE
    if not sender.slices or sender.slices[-1].began_at != began_at:
        recent = tuple(part for part in sender.slices if part.began_at > at - HOUR)
        sender.slices = (*recent, Slice(began_at=began_at))
    return sender.slices[-1]


def _sender(memory: Memory, domain: str) -> Sender:
    found = memory.senders.get(domain)
    if found is None:
        if len(memory.senders) >= _MOST_SENDERS:
            _make_room(memory)
        found = memory.senders[domain] = Sender()
    return found


def _make_room(memory: Memory) -> None:
    """Forget a quarter: those least known, so that made-up domains do not displace real ones."""

    def known(domain: str) -> tuple[bool, int, int]:
        sender = memory.senders[domain]
        days = sum(1 for copies in sender.peaks.copies if copies)
        return sender.outbreak is not None, days, sum(part.copies for part in sender.slices)

    for domain in sorted(memory.senders, key=known)[: _MOST_SENDERS // 4]:
        del memory.senders[domain]


@lru_cache(maxsize=4_096)
def _domain_of(sender: str) -> str | None:
    return canonical_domain(sender.rpartition("@")[2])
