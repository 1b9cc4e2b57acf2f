"""How one host's redirects share what a smarthost says that the host sent.

A smarthost counts all that a host sends, over a time that we ask for. Redirects of one host that
are in force at the same time share its figure by this rule: the time is cut where a redirect begins
or ends, and at midnight (UTC). Once such a stretch is over, its figure is divided in proportion to
what the host's agent counted under each redirect in it, in whole messages, by the largest quotients
(D'Hondt's method, under which nobody's share falls when a figure grows late). Where the agent
counted nothing, it is divided evenly.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from domain.money.metering import UNSETTLED, Metered, Reading, growth, high_water, shares

LATE = timedelta(hours=48)
"""How long after its end a stretch's figure is read anew: what is counted late is in it by then."""

GIVEN_UP = timedelta(days=30)
"""After which a figure that no smarthost told is not asked for any more; a person knows by then."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """A redirect of a host through the smarthost, in whole seconds; `until` is None in force.

    `took` says whether it was ever seen in force: who was not, used nothing.
    """

    key: str
    since: datetime
    until: datetime | None
    took: bool = True


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A time, within one day (UTC), in which the same redirects of a host were in force."""

    since: datetime
    until: datetime
    keys: tuple[str, ...]
    over: bool
    """Whether it has ended; if not, `until` is as far as figures can be relied upon."""

    @property
    def epoch(self) -> str:
        return self.since.astimezone(UTC).isoformat()


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One day of a host, by both sources; `read` is False where the smarthost told nothing."""

    day: datetime
    smarthost: int
    host: int
    keys: tuple[str, ...]
    read: bool = True


def stretches(redirects: Iterable[Redirect], now: datetime) -> tuple[Stretch, ...]:
    """The times for which a smarthost is asked, in order, without gap or overlap between them."""
    settled = _second(now - UNSETTLED)
    spans = [
        (_second(each.since), min(settled, _second(each.until or settled)), each)
        for each in redirects
    ]
    spans = [span for span in spans if span[0] < span[1]]
    cuts = {moment for since, until, _ in spans for moment in (since, until)}
    if not cuts:
        return ()
    cuts |= _midnights(min(cuts), max(cuts))
    found = []
    for since, until in pairwise(sorted(cuts)):
        within = [each for a, b, each in spans if a <= since and until <= b]
        if within:
            # What has ended within the last minute is still on its way.
            ends = any(each.until and _second(each.until) <= settled for each in within)
            goes_on = until == settled and not ends
            keys = tuple(sorted(each.key for each in within if each.took))
            found.append(Stretch(since=since, until=until, keys=keys, over=not goes_on))
    return tuple(found)


def figure(stretch: Stretch, readings: Iterable[Reading]) -> Reading | None:
    """The reading that says what a host sent in a stretch; None if none was taken yet."""
    fitting = [
        each
        for each in readings
        if each.epoch == stretch.epoch and each.up_to is not None and each.up_to <= stretch.until
    ]
    found = high_water(fitting)
    return found[0] if found else None


def is_read(stretch: Stretch, readings: Iterable[Reading]) -> bool:
    """Whether a stretch's figure was told after its end."""
    return any(each.epoch == stretch.epoch and each.up_to == stretch.until for each in readings)


def is_due(stretch: Stretch, readings: Sequence[Reading], now: datetime) -> bool:
    """Whether the smarthost is to be asked about a stretch now."""
    if not stretch.over or now < stretch.until + LATE:
        return True
    return now < stretch.until + GIVEN_UP and not is_read(stretch, readings)


def metered(
    redirects: Sequence[Redirect],
    figures: Sequence[Reading],
    hosts: Sequence[Reading],
    now: datetime,
) -> dict[str, Metered]:
    """What each redirect of one host used by the smarthost's figures, by key.

    `figures` are the smarthost's readings of the host, `hosts` the agent's of its redirects.
    """
    used: dict[str, int] = {each.key: 0 for each in redirects}
    evidence: dict[str, set[int]] = defaultdict(set)
    by_epoch = _by(figures, lambda each: each.epoch)
    by_measure = _by(hosts, lambda each: each.measure)
    for stretch in stretches(redirects, now):
        read = figure(stretch, by_epoch[stretch.epoch])
        shared = len(stretch.keys) > 1
        # What is shared is divided when nothing of how it was shared can change any more.
        if read is None or not read.value or (shared and not stretch.over):
            continue
        weights = {
            key: growth(by_measure[key], stretch.since, stretch.until) if shared else 1
            for key in stretch.keys
        }
        for key, share in shares(read.value, weights).items():
            used[key] += share
            evidence[key] |= {read.id} if share else set()
    return {key: Metered(quantity=used[key], evidence=tuple(sorted(evidence[key]))) for key in used}


def compared(
    redirects: Sequence[Redirect],
    figures: Sequence[Reading],
    hosts: Sequence[Reading],
    now: datetime,
) -> tuple[Compared, ...]:
    """One host's days that are settled, the latest last, each with what both sources counted."""
    days: dict[datetime, list[Stretch]] = defaultdict(list)
    for stretch in stretches(redirects, now):
        days[_midnight(stretch.since)].append(stretch)
    by_epoch = _by(figures, lambda each: each.epoch)
    by_measure = _by(hosts, lambda each: each.measure)
    found = []
    for day, parts in sorted(days.items()):
        if now < day + _DAY + LATE:
            continue
        keys = sorted({key for part in parts for key in part.keys})
        read = [figure(part, by_epoch[part.epoch]) for part in parts]
        found.append(
            Compared(
                day=day,
                smarthost=sum(each.value for each in read if each is not None),
                host=sum(growth(by_measure[key], day, day + _DAY) for key in keys),
                keys=tuple(keys),
                read=all(is_read(part, by_epoch[part.epoch]) for part in parts),
            )
        )
    return tuple(found)


def _by(
    readings: Iterable[Reading], key: Callable[[Reading], Hashable]
) -> defaultdict[Hashable, list[Reading]]:
    found: defaultdict[Hashable, list[Reading]] = defaultdict(list)
    for each in readings:
        found[key(each)].append(each)
    return found


def _second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _midnights(first: datetime, last: datetime) -> set[datetime]:
    found, midnight = set(), _midnight(first) + _DAY
    while midnight < last:
        found.add(midnight)
        midnight += _DAY
    return found
