"""The calendar that a contract counts its hours in.

Around the clock, or business hours in the client's time zone with its country's holidays. Hours
are real elapsed hours: on the day when the clocks change, a business day that spans the change is
an hour shorter or longer, and both are counted as they pass.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from domain.units import Hours

_LONGEST_SEARCH = timedelta(days=366 * 5)
"""No contract's deadline is further away; it ends the search in a calendar that never opens."""


def check_zone(zone: str) -> None:
    """Raise ValueError unless it is an IANA time zone."""
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(f'"{zone}" is no time zone; write it as Europe/Madrid') from None


def check_place(country: str, subdivision: str | None = None) -> None:
    """Raise ValueError unless the holidays of that country, or of that part of it, are known."""
    place = country if subdivision is None else f"{country}-{subdivision}"
    try:
        if re.fullmatch("[A-Z]{2}", country) is None:
            raise NotImplementedError
        _holidays(country, subdivision)
    except NotImplementedError:
        raise ValueError(
            f'no holidays are known of "{place}"; write ISO 3166 codes, as ES and MD'
        ) from None


@dataclass(frozen=True, kw_only=True)
class BusinessHours:
    """Opening hours of every working day, in local time.

    `weekdays` counts Monday as 0. `country` and `subdivision` are ISO 3166 codes (`ES`, `MD`).
    """

    zone: str
    country: str
    subdivision: str | None = None
    opens: time = time(9)
    closes: time = time(18)
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        check_zone(self.zone)
        check_place(self.country, self.subdivision)
        if self.opens >= self.closes:
            raise ValueError(f"opens {self.opens:%H:%M} is not before closes {self.closes:%H:%M}")
        if not self.weekdays:
            raise ValueError("a week needs at least one working day")
        if not set(self.weekdays) <= set(range(7)):
            raise ValueError("a weekday is a number from 0 (Monday) to 6 (Sunday)")

    def working(self, day: date) -> bool:
        """Whether the office is open on that date."""
        if day.weekday() not in self.weekdays:
            return False
        return day not in _holidays(self.country, self.subdivision)

    def span(self, day: date) -> tuple[datetime, datetime]:
        """That day's opening and closing, in UTC.

        Where the clocks skip the opening, the day opens an hour later; it may then have no hours.
        """
        zone = ZoneInfo(self.zone)
        start = datetime.combine(day, self.opens, zone).astimezone(UTC)
        return start, datetime.combine(day, self.closes, zone).astimezone(UTC)

    def __str__(self) -> str:
        place = self.country if self.subdivision is None else f"{self.country}-{self.subdivision}"
        return (
            f"business hours {self.opens:%H:%M}-{self.closes:%H:%M} {self.zone}, "
            f"holidays of {place}"
        )


@dataclass(frozen=True)
class Calendar:
    """Counts a contract's hours. Without business hours, every hour counts."""

    business: BusinessHours | None = None

    def after(self, start: datetime, span: Hours) -> datetime:
        """The moment when `span` of this calendar's hours has passed since `start`."""
        left = timedelta(seconds=span.seconds)
        # In UTC, because Python adds to a local time as the clock on the wall does.
        moment = _in_utc(start)
        if self.business is None:
            return (moment + left).astimezone(start.tzinfo)
        for opens, closes in self._open_from(moment):
            begins = max(opens, moment)
            if begins + left <= closes:
                return (begins + left).astimezone(start.tzinfo)
            left -= closes - begins
        raise AssertionError("unreachable: the search is unbounded or raises")

    def before(self, end: datetime, span: Hours) -> datetime:
        """The moment from which `span` of this calendar's hours is left until `end`."""
        left = timedelta(seconds=span.seconds)
        moment = _in_utc(end)
        if self.business is None:
            return (moment - left).astimezone(end.tzinfo)
        for opens, closes in self._open_until(moment):
            stops = min(closes, moment)
            if stops - left >= opens:
                return (stops - left).astimezone(end.tzinfo)
            left -= stops - opens
        raise AssertionError("unreachable: the search is unbounded or raises")

    def _open_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        assert self.business is not None
        day = start.astimezone(ZoneInfo(self.business.zone)).date()
        for step in range(_LONGEST_SEARCH.days):
            if self.business.working(day + timedelta(days=step)):
                opens, closes = self.business.span(day + timedelta(days=step))
                if closes > max(opens, start):
                    yield opens, closes
        raise ValueError(f"no working day within five years in {self}")

    def _open_until(self, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        assert self.business is not None
        day = end.astimezone(ZoneInfo(self.business.zone)).date()
        for step in range(_LONGEST_SEARCH.days):
            if self.business.working(day - timedelta(days=step)):
                opens, closes = self.business.span(day - timedelta(days=step))
                if opens < min(closes, end):
                    yield opens, closes
        raise ValueError(f"no working day within five years in {self}")

    def __str__(self) -> str:
        return "around the clock" if self.business is None else str(self.business)


AROUND_THE_CLOCK = Calendar()


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no offset from UTC; give it a time zone")
    return moment.astimezone(UTC)


@lru_cache(maxsize=256)
def _holidays(country: str, subdivision: str | None) -> holidays.HolidayBase:
    """One growing table per place; the library fills it a year at a time."""
    return holidays.country_holidays(country, subdiv=subdivision)
