"""What is usual at an hour of the day, and what is none of that hour."""

from domain.detection.hours import Hours, learned, narrowed, noted
from domain.detection.traffic import DAYS, HOUR, Limits, Peaks, Today, limits
from domain.detection.traffic import learned as learned_day

CAP = 5_000
DAY = 24 * HOUR


def weeks(days: int, sent: dict[int, int], *, every: int = 1) -> tuple[Peaks, Hours]:
    """Days on which so many copies were sent at these hours, on one of `every` days."""
    peaks, hours = Peaks(), Hours()
    for day in range(days):
        today: dict[str, int] = {}
        most = 0
        if day % every == 0:
            for hour, copies in sent.items():
                today = noted(today, hour * HOUR, copies)
                most = max(most, copies)
        peaks = learned_day(peaks, Today(messages=most, copies=most, distinct=most))
        hours = learned(hours, today)
    return peaks, hours


def at(hour: int, peaks: Peaks, hours: Hours) -> Limits:
    return narrowed(limits(peaks, CAP), peaks, hours, 20_000 * DAY + hour * HOUR)


def test_a_weekly_newsletter_is_usual_at_its_hour_and_not_at_three_in_the_morning() -> None:
    peaks, hours = weeks(DAYS, {9: 900}, every=7)
    assert at(9, peaks, hours).copies.most == 2_700
    assert at(3, peaks, hours).copies.most == 450
    assert "around 3:00 UTC it usually sends at most 0" in at(3, peaks, hours).copies.why


def test_an_hour_early_or_late_is_usual_still_across_midnight_too() -> None:
    peaks, hours = weeks(DAYS, {0: 900})
    assert [at(hour, peaks, hours).copies.most for hour in (22, 23, 0, 1, 2)] == [
        450, 2_700, 2_700, 2_700, 450,
    ]  # fmt: skip


def test_who_sends_at_all_hours_is_measured_as_ever() -> None:
    peaks, hours = weeks(DAYS, dict.fromkeys(range(24), 300))
    for hour in range(24):
        assert at(hour, peaks, hours) == limits(peaks, CAP)


def test_before_seven_days_of_hours_the_day_alone_decides() -> None:
    peaks, hours = weeks(6, {9: 900})
    assert at(3, peaks, hours) == limits(peaks, CAP)
    # An agent that has just learned to look at hours knows its days already.
    assert at(3, weeks(DAYS, {9: 900})[0], hours) == limits(weeks(DAYS, {9: 900})[0], CAP)
    assert at(3, *weeks(7, {9: 900})).copies.most == 450


def test_one_night_of_an_outbreak_does_not_make_the_night_usual() -> None:
    peaks, hours = weeks(DAYS - 1, {9: 900})
    peaks = learned_day(peaks, Today(messages=900, copies=900, distinct=900))
    hours = learned(hours, {"9": 900, "3": 450})
    assert at(3, peaks, hours).copies.most == 450


def test_the_hour_never_raises_a_limit_nor_lowers_it_below_the_least() -> None:
    peaks, hours = weeks(DAYS, {9: 60})
    assert at(3, peaks, hours).copies.most == 100
    peaks, hours = weeks(DAYS, {9: 4_000})
    assert at(9, peaks, hours).copies.most == CAP


def test_shares_are_the_days_at_every_hour() -> None:
    peaks, hours = weeks(DAYS, {9: 900})
    assert at(3, peaks, hours).rejected == limits(peaks, CAP).rejected


def test_little_mail_is_not_remembered_and_old_mail_is_forgotten() -> None:
    assert noted({}, 9 * HOUR, 33) == {}
    hours = learned(Hours(), {"9": 900})
    assert learned(hours, {}).copies == {"9": (900, 0)}
    for _ in range(DAYS):
        hours = learned(hours, {})
    assert hours == Hours(days=DAYS)
