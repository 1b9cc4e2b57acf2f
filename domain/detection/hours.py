"""What is usual at an hour of the day: a newsletter at nine is none at three in the morning.

The rule, as a client may be told it: *at this hour of the day you never sent more than so much on
all but three of the last 28 days, and this is more than three times that and more than half of what
your busiest hour is*. The hours beside it count with it: what is early or late by an hour, or moved
by the change to summer time, is usual still. Half of the busiest hour is always allowed, because
people work late now and then; an outbreak seldom stops there.

It only ever lowers the limit that the day gives (domain/detection/traffic.py), and only once a
day's usual is believed; an hour that is younger than that has no say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from domain.detection.traffic import DAYS, HOUR, LEARNING, LEAST, TIMES, Limit, Limits, Peaks, usual


@dataclass(frozen=True, kw_only=True)
class Hours:
    """The busiest time within each hour of the day, on each of the last `days`."""

    days: int = 0
    copies: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By hour (UTC, "0" to "23"), one number a day, the oldest first. An hour without much mail on
    any of these days is not there."""

    def at(self, hour: int) -> tuple[int, ...]:
        """One number a day; hours go on after 23 and before 0."""
        return self.copies.get(str(hour % 24), (0,) * self.days)


_LITTLE = LEAST // TIMES
"""Copies that raise no limit, so that they need not be remembered."""


def hour_of(at: int) -> int:
    """The hour of the day (UTC) that a moment, in Unix seconds, is in."""
    return at // HOUR % 24


def noted(today: Mapping[str, int], at: int, copies: int) -> dict[str, int]:
    """Today's hours with what was sent until this moment."""
    name = str(hour_of(at))
    if copies <= max(_LITTLE, today.get(name, 0)):
        return dict(today)
    return {**today, name: copies}


def learned(hours: Hours, today: Mapping[str, int]) -> Hours:
    """The hours with one more day at their end."""
    days = min(hours.days + 1, DAYS)
    found = {
        name: (*hours.at(int(name)), today.get(name, 0))[-days:]
        for name in sorted({*hours.copies, *today}, key=int)
    }
    return Hours(days=days, copies={name: each for name, each in found.items() if any(each)})


def narrowed(allowed: Limits, peaks: Peaks, hours: Hours, at: int) -> Limits:
    """The limits at this hour of the day: no higher than those of the day."""
    if hours.days < LEARNING or len(peaks.copies) < LEARNING:
        return allowed
    here = hour_of(at)
    by_day = tuple(
        map(max, zip(hours.at(here - 1), hours.at(here), hours.at(here + 1), strict=True))
    )
    usual_here, usual_most = usual(by_day), usual(peaks.copies)
    most = max(LEAST, TIMES * usual_here, usual_most // 2)
    why = (
        f"around {here}:00 UTC it usually sends at most {usual_here:,} copies within an hour, and"
        f" {usual_most:,} in its busiest hour, by the last {hours.days} days"
    )
    limit = Limit(most=most, why=why)
    lower = [
        name for name in ("messages", "copies", "distinct") if getattr(allowed, name).most > most
    ]
    return replace(allowed, **dict.fromkeys(lower, limit))
