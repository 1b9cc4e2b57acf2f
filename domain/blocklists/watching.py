"""The listing watch: the provider's addresses and the domains that send from them, looked up again
and again within each list's limits."""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from math import ceil
from zlib import crc32

from domain.blocklists.blocklist import Blocklist, Keeps
from domain.intake.complaints import canonical_address

REPORTER = "listing-watch"
FORMAT = "listing"

_SHARE = 0.8
"""Of what a list allows. The rest is for incidents, which ask when they must."""

_DAY = 86_400


def turns(entry: Blocklist, subjects: int, window_seconds: float) -> int:
    """In how many passes, one each window, a list is asked about every address and domain once.

    More than 1 where the list allows fewer questions in a window than there are of what it keeps.
    """
    allowed = entry.per_second * window_seconds
    if entry.per_day is not None:
        allowed = min(allowed, entry.per_day * min(window_seconds, _DAY) / _DAY)
    return max(1, ceil(subjects / max(allowed * _SHARE, 1)))


def is_due(subject: str, number: int, turns: int) -> bool:
    """Whether a list that takes so many passes is asked about something in pass `number`."""
    if turns == 1:
        return True
    if canonical_address(subject) is None:
        return (crc32(subject.encode()) + number) % turns == 0
    known = ip_address(subject)
    # An IPv6 site is one address to the lists: those of a customer differ in the upper half.
    count = int(known) >> 64 if isinstance(known, IPv6Address) else int(known)
    return (count + number) % turns == 0


def of_addresses(entry: Blocklist) -> bool:
    """Whether it is a list of addresses."""
    return bool(entry.keeps & {Keeps.IP4, Keeps.IP6})


def kept(entry: Blocklist, addresses: int, domains: int) -> int:
    """Of so many addresses and domains, how many a list can be asked about."""
    return addresses * of_addresses(entry) + domains * (Keeps.DOMAIN in entry.keeps)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What a pass has done so far."""

    addresses: int = 0
    questions: int = 0
    found: int = 0
    """New listings."""
    gone: int = 0
    unanswered: dict[str, str] = field(default_factory=dict)
    """Why, by zone: the last reason of each list that gave no usable answer."""
    short: tuple[str, ...] = ()
    """Zones that were asked as much today as they allow."""
    domains: int = 0

    def __add__(self, more: "Tally") -> "Tally":
        return Tally(
            addresses=self.addresses + more.addresses,
            questions=self.questions + more.questions,
            found=self.found + more.found,
            gone=self.gone + more.gone,
            unanswered={**self.unanswered, **more.unanswered},
            short=tuple(sorted({*self.short, *more.short})),
            domains=self.domains + more.domains,
        )


@dataclass(frozen=True, kw_only=True)
class PlanWatch:
    """Count the addresses, and reckon what each list can be asked."""

    window_seconds: int


@dataclass(frozen=True, kw_only=True)
class WatchPlan:
    """Decided when a pass begins: how many addresses and domains there are, and in how many passes
    each list is asked about all of those that it keeps."""

    addresses: int
    turns: dict[str, int]
    number: int = 0
    """Of the pass; the next one's is the next, however long this one takes."""
    domains: int = 0


@dataclass(frozen=True, kw_only=True)
class WatchSlice:
    """Go over the next addresses after one, in order, and after the last over the domains; over
    the first ones if `after` is None."""

    number: int
    turns: dict[str, int]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class SliceWatched:
    """`after`: the last address or domain that was gone over; None when there are no more."""

    after: str | None
    tally: Tally


@dataclass(frozen=True, kw_only=True)
class EndWatch:
    """Tell a person what the pass could not do."""

    window_seconds: int
    seconds: int
    """That it took, or has taken until now."""
    plan: WatchPlan
    tally: Tally
    finished: bool = True


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A pass over all addresses, begun or to be gone on with."""

    window_seconds: int
    """A pass begins this often, and should be over by then."""
    started_at: datetime | None = None
    plan: WatchPlan | None = None
    after: str | None = None
    tally: Tally = field(default_factory=Tally)
    told_late: bool = False


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a pass came to."""

    addresses: int
    seconds: int
    tally: Tally


def _hours(seconds: float) -> str:
    return f"{seconds / 3_600:.3g} h"


def _of(entry: Blocklist, plan: WatchPlan) -> str:
    """What a list keeps of all that is watched."""
    named = (
        (of_addresses(entry), plan.addresses, "addresses"),
        (Keeps.DOMAIN in entry.keeps, plan.domains, "domains"),
    )
    return " and ".join(f"{count:,} {name}" for keeps, count, name in named if keeps and count)


def too_many(entry: Blocklist, what: EndWatch, passes: int) -> str:
    """What a person is told of a list that takes several passes."""
    limit = f"{entry.per_day:,} questions a day" if entry.per_day is not None else ""
    limit = limit or f"{entry.per_second:g} questions a second"
    page = f" ({entry.page})" if entry.page else ""
    return (
        f"{entry.zone} allows {limit}, too few for {_of(entry, what.plan)} every"
        f" {_hours(what.window_seconds)}: each is looked up every"
        f" {_hours(what.window_seconds * passes)}. Get a subscriber's key or its data{page}, or"
        " watch less often (PLAZO_WATCH)"
    )


def late(what: EndWatch) -> str:
    """What a person is told of a pass that was not over when the next should have begun."""
    took = "took" if what.finished else "has taken"
    silent = "; ".join(f"{zone}: {why}" for zone, why in sorted(what.tally.unanswered.items()))
    return (
        f"a pass over {what.tally.addresses:,} of {what.plan.addresses:,} addresses {took}"
        f" {_hours(what.seconds)}, longer than its {_hours(what.window_seconds)}: watch less often"
        " (PLAZO_WATCH), or see which lists or resolvers (PLAZO_DNS) are slow"
        + (f". No usable answer from {silent}" if silent else "")
    )


@dataclass(frozen=True, kw_only=True)
class ReadFeeds:
    """Read what receivers say of the provider's addresses without a DNS list."""


@dataclass(frozen=True, kw_only=True)
class FeedsRead:
    """What came of it. `problem` is why a feed could not be read, empty if it could."""

    found: int = 0
    gone: int = 0
    problem: str = ""
