"""How redirects of one host share what a smarthost says that the host sent."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.money.metering import HOST, Reading
from domain.money.redirects import (
    GIVEN_UP,
    LATE,
    Redirect,
    Stretch,
    compared,
    figure,
    is_due,
    metered,
    stretches,
)

DAY = datetime(2026, 11, 20, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
LONG_AFTER = DAY + timedelta(days=10)


def hours(number: float) -> datetime:
    """Of that day, and of those after it."""
    return DAY + timedelta(hours=number)


def a_redirect(key: str, since: float, until: float | None = None, took: bool = True) -> Redirect:
    return Redirect(
        key=key, since=hours(since), until=None if until is None else hours(until), took=took
    )


def a_figure(stretch: Stretch, value: int, *, number: int = 1) -> Reading:
    return Reading(
        id=number, source="mailchannels", host="mx1", measure=None, epoch=stretch.epoch,
        value=value, taken_at=LONG_AFTER, up_to=stretch.until,
    )  # fmt: skip


def a_count(key: str, value: int, at: float, *, number: int = 100, epoch: str = "a") -> Reading:
    return Reading(
        id=number, source=HOST, host="mx1", measure=key, epoch=epoch, value=value,
        taken_at=hours(at),
    )  # fmt: skip


def spans(found: tuple[Stretch, ...]) -> list[tuple[datetime, datetime, tuple[str, ...]]]:
    return [(each.since, each.until, each.keys) for each in found]


def test_time_is_cut_where_a_redirect_begins_or_ends_and_at_midnight() -> None:
    found = stretches([a_redirect("a", 10, 30), a_redirect("b", 12, 20)], LONG_AFTER)
    assert spans(found) == [
        (hours(10), hours(12), ("a",)),
        (hours(12), hours(20), ("a", "b")),
        (hours(20), hours(24), ("a",)),
        (hours(24), hours(30), ("a",)),
    ]
    assert all(each.over for each in found)


def test_what_is_in_force_is_asked_about_up_to_a_minute_ago() -> None:
    [found] = stretches([a_redirect("a", 10)], hours(11))
    assert (found.since, found.until, found.over) == (hours(10), hours(11 - 1 / 60), False)
    assert stretches([a_redirect("a", 10)], hours(10)) == ()


def test_one_that_never_took_hold_only_cuts() -> None:
    found = stretches([a_redirect("a", 10, 20), a_redirect("b", 12, 13, took=False)], LONG_AFTER)
    assert [each.keys for each in found] == [("a",)] * 3


redirects = st.lists(
    st.tuples(st.integers(0, 60), st.none() | st.integers(0, 60), st.booleans()), max_size=5
).map(
    lambda given_: tuple(
        a_redirect(f"m-{n}", since, None if length is None else since + length, took)
        for n, (since, length, took) in enumerate(given_)
    )
)


@given(redirects, st.integers(0, 100))
def test_stretches_cover_each_redirect_once_without_overlap(
    some: tuple[Redirect, ...], at: int
) -> None:
    now = hours(at)
    found = stretches(some, now)
    assert all(one.until <= other.since for one, other in pairwise(found))
    settled = now - timedelta(minutes=1)
    for redirect in filter(lambda each: each.took, some):
        until = min(redirect.until or settled, settled)
        covered = sum(
            (each.until - each.since for each in found if redirect.key in each.keys), timedelta()
        )
        assert covered == max(until - redirect.since, timedelta())


@given(redirects, st.data())
def test_every_message_of_the_smarthost_is_somebodys_once_all_is_over(
    some: tuple[Redirect, ...], data: st.DataObject
) -> None:
    ended = tuple(
        Redirect(key=e.key, since=e.since, until=e.until or hours(100), took=e.took) for e in some
    )
    parts = stretches(ended, LONG_AFTER)
    figures = [
        a_figure(part, data.draw(st.integers(0, 5_000)), number=n) for n, part in enumerate(parts)
    ]
    hosts = [
        a_count(each.key, data.draw(st.integers(0, 5_000)), at, number=1_000 + at)
        for each in ended for at in (5, 30, 50)
    ]  # fmt: skip
    used = metered(ended, figures, hosts, LONG_AFTER)
    whole = sum(f.value for f, part in zip(figures, parts, strict=True) if part.keys)
    assert sum(each.quantity for each in used.values()) == whole
    shuffled = data.draw(st.permutations([*figures, *figures]))
    assert metered(ended, shuffled, hosts[::-1], LONG_AFTER) == used


def test_what_is_shared_is_divided_as_the_hosts_agent_counted() -> None:
    both = [a_redirect("a", 10, 20), a_redirect("b", 10, 20)]
    [part] = stretches(both, LONG_AFTER)
    hosts = [a_count("a", 300, 15), a_count("a", 600, 20), a_count("b", 200, 20)]
    used = metered(both, [a_figure(part, 1_000)], hosts, LONG_AFTER)
    assert {key: each.quantity for key, each in used.items()} == {"a": 750, "b": 250}
    assert used["a"].evidence == used["b"].evidence == (1,)


def test_what_is_shared_waits_until_the_sharing_is_over() -> None:
    both = [a_redirect("a", 10), a_redirect("b", 11)]
    now = hours(12)
    alone, shared = stretches(both, now)
    used = metered(both, [a_figure(alone, 70), a_figure(shared, 500, number=2)], [], now)
    assert {key: each.quantity for key, each in used.items()} == {"a": 70, "b": 0}


def test_a_reading_that_reached_beyond_the_stretch_is_not_its_figure() -> None:
    """It was taken before anybody knew that the time would be cut there."""
    [whole] = stretches([a_redirect("a", 10)], hours(14))
    beyond = a_figure(whole, 900)
    both = [a_redirect("a", 10), a_redirect("b", 12)]
    first, _ = stretches(both, hours(14))
    assert first.epoch == whole.epoch
    assert figure(first, [beyond]) is None
    assert is_due(first, [beyond], LONG_AFTER)


def test_a_figure_is_read_anew_until_late_ones_are_in() -> None:
    [part] = stretches([a_redirect("a", 10, 20)], LONG_AFTER)
    read = [a_figure(part, 5)]
    assert is_due(part, read, part.until + LATE - timedelta(seconds=1))
    assert not is_due(part, read, part.until + LATE)
    assert is_due(part, [], part.until + LATE)
    assert not is_due(part, [], part.until + GIVEN_UP)


def test_the_highest_figure_of_a_stretch_counts() -> None:
    redirect = [a_redirect("a", 10, 20)]
    [part] = stretches(redirect, LONG_AFTER)
    figures = [a_figure(part, 5), a_figure(part, 9, number=2), a_figure(part, 7, number=3)]
    used = metered(redirect, figures, [], LONG_AFTER)
    assert (used["a"].quantity, used["a"].evidence) == (9, (2,))


def test_days_are_compared_when_they_are_settled() -> None:
    redirect = [a_redirect("a", 10, 30)]
    first, second = stretches(redirect, LONG_AFTER)
    figures = [a_figure(first, 500), a_figure(second, 100, number=2)]
    hosts = [a_count("a", 480, 23.5), a_count("a", 590, 30)]
    assert compared(redirect, figures, hosts, hours(24) + LATE - timedelta(seconds=1)) == ()
    days = compared(redirect, figures, hosts, LONG_AFTER)
    assert [(each.day, each.smarthost, each.host, each.read) for each in days] == [
        (hours(0), 500, 480, True),
        (hours(24), 100, 110, True),
    ]


def test_a_day_without_a_final_figure_says_so() -> None:
    redirect = [a_redirect("a", 10, 20)]
    [day] = compared(redirect, [], [a_count("a", 480, 20)], LONG_AFTER)
    assert (day.smarthost, day.host, day.read, day.keys) == (0, 480, False, ("a",))
