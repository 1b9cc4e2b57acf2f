"""A contract as a file of the provider's clientele has it, with the period that it is valid for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from yaml.nodes import MappingNode, Node

from domain.calendar import AROUND_THE_CLOCK, BusinessHours, Calendar, check_place, check_zone
from domain.clientele.document import Field, Flawed, Notes, Section, line_of, one, section, several
from domain.clientele.entries import beginning, flag, member, number, quoted, wall_time, weekday
from domain.contract import CAPS, PRICED, Contract, Prices, Rounding
from domain.measures import Measure
from domain.parties import Jurisdiction
from domain.units import Hours, Money

_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Any day does, to see whether a deadline can be reached at all in its calendar."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A contract, and from when until when it is in force; `valid_until` is the first moment after.

    Both are aware; None is open-ended.
    """

    contract: Contract
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Period:
    """When a contract is in force, and where the file says so."""

    contract: str
    node: Node
    start: datetime | None
    end: datetime | None


def _amounts(node: Node, notes: Notes) -> Prices:
    part = section(node, notes, _PRICES, called="prices", at=node)
    priced: dict[str, _Priced] = {
        name: value for name, value in part.values.items() if isinstance(value, _Priced)
    }
    first = next(iter(priced.items()), None)
    whole = part.whole
    for name, given in priced.items():
        if first is not None and given.amount.currency != first[1].amount.currency:
            whole = False
            notes.add(
                part.nodes[name],
                f"{name} is in {given.amount.currency} and {first[0]} in "
                f"{first[1].amount.currency}; write all prices of a contract in one currency",
            )
    if not whole:
        raise Flawed
    amounts = {name: given.amount for name, given in priced.items()}
    rounding: Rounding = part.values.get("rounding", Rounding.BEGUN_THOUSAND)
    clauses = {name: given.clause for name, given in priced.items() if given.clause is not None}
    try:
        return Prices(**amounts, rounding=rounding, clauses=clauses)
    except ValueError as error:
        raise notes.flaw(node, str(error)) from error


@dataclass(frozen=True, kw_only=True)
class _Priced:
    """An amount, and the clause that it stands in where that is not the contract's."""

    amount: Money
    clause: str | None = None


def _price(node: Node, notes: Notes) -> _Priced:
    """`25.00 EUR`, or `{amount: 25.00 EUR, clause: "7.5"}`."""
    if not isinstance(node, MappingNode):
        return _Priced(amount=one(Money.parse)(node, notes))
    part = section(node, notes, _WITH_CLAUSE, called="the price", at=node)
    if not part.whole:
        raise Flawed
    return _Priced(**part.values)


def _cap(node: Node, notes: Notes) -> _Priced:
    return _Priced(amount=one(Money.parse)(node, notes))


def _hours(node: Node, notes: Notes) -> Calendar:
    if not isinstance(node, MappingNode):
        return one(_always)(node, notes)
    part = section(node, notes, _BUSINESS, called="the calendar", at=node)
    if not part.whole:
        raise Flawed
    try:
        check_place(part.values["country"], part.values.get("subdivision"))
    except ValueError as error:
        raise notes.flaw(part.nodes["subdivision"], str(error)) from error
    try:
        return Calendar(BusinessHours(**part.values))
    except ValueError as error:
        raise notes.flaw(node, str(error)) from error


def _always(words: str) -> Calendar:
    if words != "around the clock":
        raise ValueError(
            f"unknown calendar {quoted(words)}; write `around the clock`, or business hours as "
            "`{zone: Europe/Madrid, country: ES}`"
        )
    return AROUND_THE_CLOCK


def _zone(words: str) -> str:
    check_zone(words)
    return words


def _country(words: str) -> str:
    check_place(words)
    return words


_SPAN = one(Hours.parse)
_WITH_CLAUSE = {"amount": Field(one(Money.parse), "25.00 EUR"), "clause": Field(one(str), '"7.5"')}
_PRICES = (
    {name: Field(_price, "25.00 EUR", name != "staff_hour") for name in PRICED}
    | {name: Field(_cap, "500.00 EUR", required=False) for name in CAPS}
    | {"rounding": Field(one(member(Rounding, "rounding")), "begun_thousand", required=False)}
)
_BUSINESS = {
    "zone": Field(one(_zone), "Europe/Madrid"),
    "country": Field(one(_country), "ES"),
    "subdivision": Field(one(str), "MD", required=False),
    "opens": Field(one(wall_time), "09:00", required=False),
    "closes": Field(one(wall_time), "18:00", required=False),
    "weekdays": Field(several(one(weekday), "[mon, tue]"), "[mon, tue]", required=False),
}
_PERIOD = {
    "valid_from": Field(one(beginning), "2026-01-01", required=False),
    "valid_until": Field(one(beginning), "2027-01-01", required=False),
}
_TERMS = {
    "clause": Field(one(str), "7.3"),
    "jurisdiction": Field(one(member(Jurisdiction, "jurisdiction")), "ES"),
    "deadline": Field(_SPAN, "4h"),
    "calendar": Field(_hours, "around the clock", required=False),
    "measures": Field(
        several(one(member(Measure, "measure")), "[rate_limit, hold_domain]"),
        "[rate_limit, hold_domain, hold_server, block_port25]",
    ),
    "prices": Field(_amounts, "{delisting_first: 25.00 EUR, ...}"),
    "containment": Field(one(flag), "true", required=False),
    "smarthost_billing": Field(one(flag), "true", required=False),
    "hourly_limit": Field(one(number), "100", required=False),
    "hard_cap": Field(one(number), "1000", required=False),
    "address_cap": Field(one(number), "10", required=False),
    "window_months": Field(one(number), "12", required=False),
    "probation": Field(_SPAN, "24h", required=False),
    "reminders": Field(several(_SPAN, "[1h]"), "[1h]", required=False),
    "chasers": Field(several(_SPAN, "[1d, 3d, 7d]"), "[1d, 3d, 7d]", required=False),
}


def read_signed(
    name: str, client: str, key: Node, node: Node, notes: Notes
) -> tuple[Signed | None, Period | None]:
    """A contract and its period; None for what could not be read and is on the notes."""
    part = section(node, notes, _PERIOD | _TERMS, called=f"contract {quoted(name)}", at=key)
    sound = _sensible(part, notes)
    period = _period(name, part, notes, key)
    if not (part.whole and sound and period):
        return None, period
    terms = {word: value for word, value in part.values.items() if word in _TERMS}
    try:
        contract = Contract(id=name, client=client, **terms)
    except ValueError as error:
        notes.add(key, f"contract {quoted(name)}: {error}")
        return None, period
    return Signed(contract=contract, valid_from=period.start, valid_until=period.end), period


def _sensible(part: Section, notes: Notes) -> bool:
    """Whether the spans of a contract make sense together, as far as they could be read."""
    complaints: list[tuple[str, str]] = []
    deadline: Hours | None = part.values.get("deadline")
    if deadline is not None:
        complaints += [("deadline", why) for why in _unreachable(deadline, part)]
        if any(span >= deadline for span in part.values.get("reminders", ())):
            complaints.append(
                (
                    "reminders",
                    f"a reminder is due before the deadline of {deadline} has begun; "
                    "write spans that are shorter",
                )
            )
    chasers: tuple[Hours, ...] = part.values.get("chasers", ())
    if list(chasers) != sorted(chasers):
        complaints.append(("chasers", "write the spans of chasers in rising order"))
    if part.values.get("window_months", 1) > 120:
        complaints.append(("window_months", "write a window of at most 120 months"))
    for name, why in complaints:
        notes.add(part.nodes[name], why)
    return not complaints


def _unreachable(deadline: Hours, part: Section) -> Iterable[str]:
    if not deadline.seconds:
        yield "a deadline of 0 s gives no time at all; write it as 4h"
    try:
        part.values.get("calendar", AROUND_THE_CLOCK).after(_SOME_DAY, deadline)
    except ValueError as error:
        yield f"{error} is enough for {deadline}; write a shorter deadline"


def _period(name: str, part: Section, notes: Notes, key: Node) -> Period | None:
    """None where either end could not be read, or both ends are the wrong way round."""
    bounds: dict[str, datetime | None] = {}
    for word in _PERIOD:
        if word in part.nodes and word not in part.values:
            return None
        bounds[word] = _aware(part.values.get(word), part.values.get("calendar"))
    start, end = bounds["valid_from"], bounds["valid_until"]
    if start is not None and end is not None and start >= end:
        notes.add(part.nodes["valid_until"], "write a valid_until after valid_from")
        return None
    return Period(contract=name, node=key, start=start, end=end)


def _aware(moment: date | datetime | None, calendar: Calendar | None) -> datetime | None:
    if moment is None or isinstance(moment, datetime):
        return moment
    business = calendar.business if calendar is not None else None
    zone = UTC if business is None else ZoneInfo(business.zone)
    return datetime.combine(moment, time(), zone).astimezone(UTC)


def note_overlaps(periods: Iterable[Period], notes: Notes) -> None:
    """Note each contract that begins before an earlier one of the same client has ended."""
    last: Period | None = None
    for period in sorted(periods, key=_start):
        if last is not None and _start(period) < _end(last):
            notes.add(
                period.node,
                f"contract {period.contract} begins before {last.contract} (line "
                f"{line_of(last.node)}) has ended; give {last.contract} a valid_until, and "
                f"{period.contract} a valid_from that is not before it",
            )
        if last is None or _end(period) > _end(last):
            last = period


def _start(period: Period) -> datetime:
    return period.start or datetime.min.replace(tzinfo=UTC)


def _end(period: Period) -> datetime:
    return period.end or datetime.max.replace(tzinfo=UTC)
