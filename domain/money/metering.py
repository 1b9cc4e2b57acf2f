"""What was relayed, reckoned from readings of counters: the same in whatever order they come.

A reading is the state of a counter that only counts up. A counter is known by its source, its
host, its measure and its epoch, the moment or the name of its beginning; one that begins again has
another epoch. So a counter has counted what its highest reading says, however often, late or out
of order its readings come, and a measure has used the sum over its counters. What a lost reading
would have said is in the next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOST = "host"
"""The source of what a host's agent has counted in its mail server's log."""

UNSETTLED = timedelta(minutes=1)
"""What was counted in the last minute is still on its way to us."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A counter's state. `taken_at` is when it came to us; `value` is in messages."""

    id: int
    source: str
    host: str
    measure: str | None
    """None for all that the host sent."""
    epoch: str
    value: int
    taken_at: datetime
    up_to: datetime | None = None
    """The end of the time that a smarthost's figure is of; the epoch is its beginning."""

    @property
    def counter(self) -> tuple[str, str, str, str]:
        return self.source, self.host, self.measure or "", self.epoch


@dataclass(frozen=True, kw_only=True)
class Metered:
    """What one redirect used, and the readings that say so."""

    quantity: int = 0
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far two counts of the same mail may be apart: past both, a person has to look."""

    percent: float = 2.0
    messages: int = 50

    def passed_by(self, one: int, other: int) -> bool:
        apart = abs(one - other)
        return apart > self.messages and apart * 100 > self.percent * max(one, other)


def high_water(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """The reading that counts of each counter: the highest, and of the same ones the first."""
    highest: dict[tuple[str, str, str, str], Reading] = {}
    for reading in readings:
        known = highest.get(reading.counter)
        if known is None or (reading.value, -reading.id) > (known.value, -known.id):
            highest[reading.counter] = reading
    return tuple(highest[counter] for counter in sorted(highest))


def counted(readings: Iterable[Reading]) -> Metered:
    """All that some counters have counted."""
    highest = high_water(readings)
    return Metered(
        quantity=sum(reading.value for reading in highest),
        evidence=tuple(reading.id for reading in highest if reading.value),
    )


def growth(readings: Sequence[Reading], since: datetime, until: datetime) -> int:
    """What some counters have counted between two moments, by readings that came a minute later.

    So much an agent takes to tell what it saw; what it says of a lift is of the time before it.
    """
    before = counted(each for each in readings if each.taken_at < since + UNSETTLED)
    after = counted(each for each in readings if each.taken_at < until + UNSETTLED)
    return after.quantity - before.quantity


def shares(messages: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide messages in proportion to weights, evenly where all are 0 (D'Hondt's method).

    The shares add up to all messages, and none of them falls when there are more messages.
    """
    if not weights:
        return {}
    given = weights if any(weights.values()) else dict.fromkeys(weights, 1)
    total = sum(given.values())
    # Nobody gets less than the whole part of a proportional share, so this is never too much.
    found = {key: messages * given[key] // total for key in sorted(given)}
    for _ in range(messages - sum(found.values())):
        found[_next(found, given)] += 1
    return found


def _next(found: Mapping[str, int], weights: Mapping[str, int]) -> str:
    """Whose quotient is the largest; of equal ones the first by name."""
    best = next(iter(found))
    for key in found:
        if weights[key] * (found[best] + 1) > weights[best] * (found[key] + 1):
            best = key
    return best
