"""When outgoing mail is too much: a sender's own usual, a hard cap, and what was announced.

The rule, as a client may be told it: *within an hour you sent more than three times what your
busiest hour was on all but three of the last 28 days*. A newsletter of every Tuesday is usual, for
it was in four of those days; an outbreak of three days changes nothing. Nobody is measured by a
usual that was not watched for seven days; until then, and above it all, stands the hard cap, so
that who grows slowly in order to pass for usual stays below it. domain/detection/hours.py lowers
the limit at hours of the day at which the sender is usually quiet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

HOUR = 3_600
"""Seconds that everything here is counted over, up to now."""

RECENT = 1_200
"""Seconds that show whether an outbreak is going on still."""

DAYS = 28
"""Four weeks of days are remembered, those without mail too."""
LEARNING = 7
"""Days until a usual is believed."""

_UNUSUAL_DAYS = 3
"""The busiest of `DAYS` that do not count as usual; in proportion of fewer, and always one."""
TIMES = 3
LEAST = 100
"""Copies within an hour that are nobody's outbreak, however little the sender usually sends."""
_LEAST_JUDGED = 100
"""Copies within an hour below which a share means nothing."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What one sender domain, or a whole host, sent to the outside within an hour.

    A copy is a message for one recipient. A copy that was put off and tried again is one.
    """

    messages: int = 0
    copies: int = 0
    distinct: int = 0
    """Different recipients, estimated to some percent where they are many."""
    judged: int = 0
    """Copies that the shares below are of: those outside an announced campaign."""
    rejected: int = 0
    """Copies that a server elsewhere refused for good, or whose address does not exist."""
    deferred: int = 0
    """Copies that a server elsewhere put off at the first attempt."""

    def without(self, others: Iterable["Traffic"]) -> "Traffic":
        """The rest of it, once what these sent is taken away."""
        taken = list(others)
        return Traffic(
            **{
                each.name: max(
                    0, getattr(self, each.name) - sum(getattr(one, each.name) for one in taken)
                )
                for each in fields(self)
            }
        )

    def covered(self, copies: int) -> "Traffic":
        """What of it is beyond so many announced copies."""
        return replace(
            self,
            messages=max(0, self.messages - copies),
            copies=max(0, self.copies - copies),
            distinct=max(0, self.distinct - copies),
        )

    def share(self, of: int) -> int:
        """Of the judged copies, in thousandths; none while they are too few to say."""
        return min(1_000, of * 1_000 // self.judged) if self.judged >= _LEAST_JUDGED else 0


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """The busiest hour of each day that a sender was watched, the oldest first; shares in ‰."""

    messages: tuple[int, ...] = ()
    copies: tuple[int, ...] = ()
    distinct: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    deferred: tuple[int, ...] = ()

    @property
    def quiet(self) -> bool:
        """Whether there was no mail on any of these days."""
        return not any(self.copies)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How much is too much, and why."""

    most: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one sender now."""

    messages: Limit
    copies: Limit
    distinct: Limit
    rejected: Limit
    deferred: Limit


@dataclass(frozen=True, kw_only=True)
class Today:
    """The busiest hour of a day that is not over, no higher than was allowed."""

    messages: int = 0
    copies: int = 0
    distinct: int = 0
    rejected: int = 0
    deferred: int = 0

    def with_hour(self, seen: Traffic, limits: Limits) -> "Today":
        """An outbreak is learned at its limit, so that it does not become usual by its size."""
        hour = _numbers(seen)
        return Today(
            **{
                each.name: max(
                    getattr(self, each.name),
                    min(hour[each.name], getattr(limits, each.name).most),
                )
                for each in fields(self)
            }
        )


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """`cap` is a share's own; numbers have their sender's."""

    floor: int
    """What no usual brings the limit below."""
    cap: int | None = None

    def spelled(self, number: int) -> str:
        return f"{number:,}" if self.cap is None else f"{number / 10:.1f} %"


_RULES = {
    "messages": _Rule(floor=LEAST),
    "copies": _Rule(floor=LEAST),
    "distinct": _Rule(floor=LEAST),
    "rejected": _Rule(floor=150, cap=500),
    "deferred": _Rule(floor=400, cap=800),
}
"""Receivers take a tenth of unknown addresses for a bought list (M3AAWG, Sender Best Common
Practices); greylisting alone puts off a third of a small sender's mail."""


def learned(peaks: Peaks, day: Today) -> Peaks:
    """The peaks with one more day at their end."""
    return Peaks(
        **{
            each.name: (*getattr(peaks, each.name), getattr(day, each.name))[-DAYS:]
            for each in fields(peaks)
        }
    )


def limits(peaks: Peaks, cap: int) -> Limits:
    """What a sender may do within an hour. `cap` is in copies, and the last word."""
    return Limits(
        **{name: _limit(getattr(peaks, name), rule, cap) for name, rule in _RULES.items()}
    )


def _limit(days: tuple[int, ...], rule: _Rule, cap: int) -> Limit:
    most = cap if rule.cap is None else rule.cap
    if len(days) < LEARNING:
        return Limit(most=most, why=f"the hard cap; its usual is not known before {LEARNING} days")
    known = usual(days)
    if most <= max(rule.floor, TIMES * known):
        return Limit(most=most, why="the hard cap")
    within = (
        f"its busiest hour had at most {rule.spelled(known)} on all but {_unusual(days)} of the"
        f" last {len(days)} days"
    )
    if TIMES * known <= rule.floor:
        return Limit(most=rule.floor, why=f"the least limit there is; {within}")
    return Limit(most=TIMES * known, why=f"{TIMES} times its usual: {within}")


def usual(days: Sequence[int]) -> int:
    """What was not exceeded on all of these days but the few busiest, which do not count."""
    return sorted(days, reverse=True)[_unusual(days)]


def _unusual(days: Sequence[int]) -> int:
    return max(1, len(days) * _UNUSUAL_DAYS // DAYS)


def needed(seen: Traffic, allowed: Limits) -> int:
    """How many copies would have to be announced for this hour to be within its limits."""
    hour = _numbers(seen)
    return max(
        0,
        hour["messages"] - allowed.messages.most,
        hour["copies"] - allowed.copies.most,
        hour["distinct"] - allowed.distinct.most,
    )


def reasons(seen: Traffic, allowed: Limits) -> tuple[str, ...]:
    """What is too much, in words and numbers; nothing when nothing is."""
    hour = _numbers(seen)
    said = []
    for name, what in (
        ("messages", "messages"), ("copies", "copies of messages"),
        ("distinct", "different recipients"),
    ):  # fmt: skip
        limit = getattr(allowed, name)
        if hour[name] > limit.most:
            said.append(
                f"{hour[name]:,} {what} within an hour are more than {limit.most:,} ({limit.why})"
            )
    for name, what in (("rejected", "rejected"), ("deferred", "put off")):
        limit = getattr(allowed, name)
        if hour[name] > limit.most:
            said.append(
                f"{hour[name] / 10:.1f} % of {seen.judged:,} copies within an hour were {what} by "
                f"their receivers, more than {limit.most / 10:.1f} % ({limit.why})"
            )
    return tuple(said)


def calm(seen: Traffic, allowed: Limits) -> bool:
    """Whether an hour is so far below its limits that an outbreak is over."""
    hour = _numbers(seen)
    return all(hour[name] * 2 <= getattr(allowed, name).most for name in _RULES)


def keeps_on(recent: Traffic, allowed: Limits) -> bool:
    """Whether what was sent within `RECENT` would be too much, were an hour of it."""
    rates = any(
        getattr(recent, name) * HOUR > getattr(allowed, name).most * RECENT
        for name in ("messages", "copies", "distinct")
    )
    hour = _numbers(recent)
    return rates or any(
        hour[name] > getattr(allowed, name).most for name in ("rejected", "deferred")
    )


def _numbers(seen: Traffic) -> dict[str, int]:
    return {
        "messages": seen.messages,
        "copies": seen.copies,
        "distinct": seen.distinct,
        "rejected": seen.share(seen.rejected),
        "deferred": seen.share(seen.deferred),
    }
