"""A contract's hours pass as they do in its client's office: holidays, weekends, clock changes."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.calendar import AROUND_THE_CLOCK, BusinessHours, Calendar
from domain.units import Hours
from tests.domain.builders import (
    HOUR,
    MADRID,
    NEW_YORK,
    NOW,
    business,
    calendars,
    moments,
    spans,
)

IN_MADRID = ZoneInfo("Europe/Madrid")
IN_NEW_YORK = ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = IN_MADRID) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2026-11-24T14:30", "2h", "2026-11-24T16:30"),
        ("2026-11-24T14:30", "3h 30m", "2026-11-24T18:00"),  # to the minute of closing
        ("2026-11-24T14:30", "4h", "2026-11-25T09:30"),  # over the night
        ("2026-11-24T03:00", "1h", "2026-11-24T10:00"),  # before the office opens
        ("2026-11-27T17:00", "2h", "2026-11-30T10:00"),  # over the weekend
        ("2026-11-28T12:00", "1h", "2026-11-30T10:00"),  # begun on a Saturday
        ("2026-12-04T17:00", "2h", "2026-12-09T10:00"),  # 7 and 8 December are holidays in Madrid
        ("2026-04-01T17:00", "2h", "2026-04-06T10:00"),  # Maundy Thursday and Good Friday
        ("2026-11-24T09:00", "27h", "2026-11-26T18:00"),
    ],
)
def test_business_hours_pass_in_madrid(start: str, span: str, end: str) -> None:
    assert Calendar(MADRID).after(at(start), Hours.parse(span)) == at(end)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2026-11-25T17:00", "2h", "2026-11-27T10:00"),  # Thanksgiving
        ("2026-07-02T17:00", "2h", "2026-07-06T10:00"),  # 4 July, a Saturday, is kept on Friday
        ("2026-11-24T08:30", "1h", "2026-11-24T10:00"),
    ],
)
def test_business_hours_pass_in_new_york(start: str, span: str, end: str) -> None:
    calendar = Calendar(NEW_YORK)
    assert calendar.after(at(start, IN_NEW_YORK), Hours.parse(span)) == at(end, IN_NEW_YORK)


def test_a_holiday_of_one_part_of_the_country_counts_there_alone() -> None:
    madrid_day = date(2025, 5, 2)
    everywhere = BusinessHours(zone="Europe/Madrid", country="ES")
    assert not MADRID.working(madrid_day)
    assert everywhere.working(madrid_day)
    assert not everywhere.working(date(2025, 5, 1))


@pytest.mark.parametrize(
    ("zone", "country", "day", "length"),
    [
        (IN_MADRID, "ES", "2026-03-29", 23),
        (IN_MADRID, "ES", "2026-10-25", 25),
        (IN_NEW_YORK, "US", "2026-03-08", 23),
        (IN_NEW_YORK, "US", "2026-11-01", 25),
    ],
)
def test_hours_are_those_that_pass_on_the_day_when_the_clocks_change(
    zone: ZoneInfo, country: str, day: str, length: int
) -> None:
    midnight = at(day, zone)
    next_midnight = datetime.combine(midnight.date() + timedelta(days=1), time(), zone)
    assert AROUND_THE_CLOCK.after(midnight, Hours(length * 3_600)) == next_midnight
    assert AROUND_THE_CLOCK.before(next_midnight, Hours(length * 3_600)) == midnight
    open_all_sunday = Calendar(
        BusinessHours(
            zone=str(zone), country=country, opens=time(0), closes=time(23), weekdays=(6,)
        )
    )
    closing = at(f"{day}T23:00", zone)
    assert open_all_sunday.after(midnight, Hours((length - 1) * 3_600)) == closing
    assert open_all_sunday.before(closing, Hours((length - 1) * 3_600)) == midnight


def test_a_day_whose_opening_the_clocks_skip_does_not_open_backwards() -> None:
    night = Calendar(
        BusinessHours(
            zone="Europe/Madrid",
            country="ES",
            opens=time(2, 15),
            closes=time(3, 10),
            weekdays=(5, 6),
        )
    )
    saturday = at("2026-03-28T03:00")
    assert night.after(saturday, Hours(1_200)) == at("2026-04-04T02:25")
    assert night.before(at("2026-04-04T02:25"), Hours(1_200)) == saturday


def test_a_deadline_is_told_in_the_zone_that_it_was_asked_in() -> None:
    assert Calendar(MADRID).after(NOW, HOUR).tzinfo is UTC
    assert AROUND_THE_CLOCK.after(NOW.astimezone(IN_NEW_YORK), HOUR).tzinfo is IN_NEW_YORK


@given(calendar=calendars, start=moments, span=spans)
def test_no_fewer_hours_pass_than_were_given(
    calendar: Calendar, start: datetime, span: Hours
) -> None:
    assert calendar.after(start, span) - start >= timedelta(seconds=span.seconds)
    assert start - calendar.before(start, span) >= timedelta(seconds=span.seconds)


@given(calendar=calendars, start=moments, span=spans)
def test_before_takes_back_what_after_has_given(
    calendar: Calendar, start: datetime, span: Hours
) -> None:
    if calendar.business is not None:
        day = start.astimezone(ZoneInfo(calendar.business.zone)).date()
        opens, closes = calendar.business.span(day)
        start = max(start, opens)
        assume(calendar.business.working(day) and start < closes)
    assert calendar.before(calendar.after(start, span), span) == start


@given(calendar=calendars, start=moments, one=spans, other=spans)
def test_more_hours_never_end_sooner(
    calendar: Calendar, start: datetime, one: Hours, other: Hours
) -> None:
    less, more = sorted((one, other))
    assert calendar.after(start, less) <= calendar.after(start, more)
    assert calendar.before(start, less) >= calendar.before(start, more)


@given(calendar=calendars, one=moments, other=moments, span=spans)
def test_a_later_start_never_ends_sooner(
    calendar: Calendar, one: datetime, other: datetime, span: Hours
) -> None:
    first, second = sorted((one, other))
    assert calendar.after(first, span) <= calendar.after(second, span)


@given(hours=business, start=moments, span=spans)
def test_a_deadline_falls_into_office_hours(
    hours: BusinessHours, start: datetime, span: Hours
) -> None:
    end = Calendar(hours).after(start, span)
    day = end.astimezone(ZoneInfo(hours.zone)).date()
    opens, closes = hours.span(day)
    assert hours.working(day)
    assert opens < end <= closes


@given(
    calendar=calendars, start=moments, span=spans, zone=st.sampled_from([IN_MADRID, IN_NEW_YORK])
)
def test_the_zone_of_a_moment_does_not_move_the_deadline(
    calendar: Calendar, start: datetime, span: Hours, zone: ZoneInfo
) -> None:
    there = calendar.after(start.astimezone(zone), span)
    assert there.astimezone(UTC) == calendar.after(start, span).astimezone(UTC)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"zone": "Europe/Madird"}, "no time zone"),
        ({"zone": "Europe"}, "no time zone"),
        ({"zone": "../etc/passwd"}, "no time zone"),
        ({"zone": "Europe/Madrid\0"}, "no time zone"),
        ({"country": "XX"}, "no holidays"),
        ({"country": "Spain"}, "ISO 3166"),
        ({"subdivision": "ZZ"}, "ES-ZZ"),
        ({"opens": time(18)}, "not before"),
        ({"weekdays": ()}, "at least one"),
        ({"weekdays": (7,)}, "from 0"),
    ],
)
def test_an_office_that_cannot_be_is_refused_with_a_reason(
    wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        BusinessHours(**{"zone": "Europe/Madrid", "country": "ES"} | wrong)


@pytest.mark.parametrize("calendar", [AROUND_THE_CLOCK, Calendar(MADRID)])
def test_a_moment_without_a_zone_is_refused(calendar: Calendar) -> None:
    with pytest.raises(ValueError, match="no offset"):
        calendar.after(NOW.replace(tzinfo=None), HOUR)
    with pytest.raises(ValueError, match="no offset"):
        calendar.before(NOW.replace(tzinfo=None), HOUR)


def test_a_deadline_beyond_five_years_is_refused_and_not_sought_for_ever() -> None:
    short = BusinessHours(zone="UTC", country="ES", opens=time(9), closes=time(9, 1))
    for search in (Calendar(short).after, Calendar(short).before):
        with pytest.raises(ValueError, match="five years"):
            search(NOW, Hours.parse("60d"))


def test_a_calendar_says_what_it_counts() -> None:
    assert str(AROUND_THE_CLOCK) == "around the clock"
    said = "business hours 09:00-18:00 Europe/Madrid, holidays of ES-MD"
    assert str(Calendar(MADRID)) == said
