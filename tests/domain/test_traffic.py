"""When outgoing mail is too much: the usual, the caps, what was announced, and one outbreak."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.detection.outbreaks import Outbreak, follow
from domain.detection.traffic import (
    DAYS,
    HOUR,
    LEARNING,
    Limits,
    Peaks,
    Today,
    Traffic,
    calm,
    keeps_on,
    learned,
    limits,
    needed,
    reasons,
)

CAP = 1_000
WEEKS = 4


def an_hour(copies: int = 0, **other: int) -> Traffic:
    """Mail to one recipient each, all of it taken."""
    ordinary = {"messages": copies, "copies": copies, "distinct": copies, "judged": copies}
    return Traffic(**ordinary | other)


def days(*copies: int, **other: int) -> Peaks:
    """Days whose busiest hours had so many copies."""
    peaks = Peaks()
    for each in copies:
        today = Today(messages=each, copies=each, distinct=each, **other)
        peaks = learned(peaks, today)
    return peaks


def most(peaks: Peaks, cap: int = CAP) -> int:
    return limits(peaks, cap).copies.most


@pytest.mark.parametrize(
    ("peaks", "limit"),
    [
        (days(), CAP),
        (days(*[200] * (LEARNING - 1)), CAP),
        (days(*[200] * LEARNING), 600),
        (days(*[200] * DAYS), 600),
        (days(*[2] * DAYS), 100),
        (days(*[0] * DAYS), 100),
        (days(*[900] * DAYS), CAP),
    ],
    ids=["new", "learning", "a week", "four weeks", "little mail", "no mail", "much mail"],
)
def test_the_limit_is_three_times_the_usual_between_the_least_and_the_cap(
    peaks: Peaks, limit: int
) -> None:
    assert most(peaks) == limit


def test_a_newsletter_of_every_week_is_usual() -> None:
    assert most(days(*[300, 10, 10, 10, 10, 0, 0] * WEEKS)) == 900


def test_an_outbreak_of_three_days_changes_nothing() -> None:
    quiet = [50] * (DAYS - 3)
    assert most(days(*quiet, 900, 900, 900)) == most(days(*[50] * DAYS)) == 150


def test_what_is_learned_of_an_outbreak_is_its_limit() -> None:
    allowed = limits(days(*[50] * DAYS), CAP)
    today = Today().with_hour(an_hour(80_000), allowed).with_hour(an_hour(40), allowed)
    assert (today.messages, today.copies, today.distinct) == (150, 150, 150)


@given(st.lists(st.integers(0, 10**6), min_size=60, max_size=90))
def test_who_grows_slowly_never_passes_the_cap(hours: list[int]) -> None:
    peaks = Peaks()
    for copies in sorted(hours):
        allowed = limits(peaks, CAP)
        assert allowed.copies.most <= CAP
        assert bool(reasons(an_hour(copies), allowed)) or copies <= CAP
        peaks = learned(peaks, Today().with_hour(an_hour(copies), allowed))
    assert len(peaks.copies) <= DAYS


def test_the_reason_is_one_sentence_with_its_numbers() -> None:
    allowed = limits(days(*[50] * DAYS), CAP)
    assert reasons(an_hour(1_240, messages=30, distinct=20), allowed) == (
        "1,240 copies of messages within an hour are more than 150 (3 times its usual: its busiest "
        "hour had at most 50 on all but 3 of the last 28 days)",
    )
    assert reasons(an_hour(1_240, messages=30, distinct=20), limits(days(), CAP)) == (
        "1,240 copies of messages within an hour are more than 1,000 (the hard cap; its usual is "
        "not known before 7 days)",
    )
    assert reasons(an_hour(140, messages=30, distinct=20), allowed) == ()


@pytest.mark.parametrize(
    ("hour", "words"),
    [
        (an_hour(0, messages=151), "messages within an hour"),
        (Traffic(copies=151), "copies of messages"),
        (an_hour(0, distinct=151), "different recipients"),
        (an_hour(0, judged=100, rejected=16), "16.0 % of 100 copies within an hour were rejected"),
        (an_hour(0, judged=100, deferred=41), "41.0 % of 100 copies within an hour were put off"),
    ],
)
def test_each_number_alone_is_a_reason(hour: Traffic, words: str) -> None:
    allowed = limits(days(*[50] * DAYS, rejected=10, deferred=10), CAP)
    [reason] = reasons(hour, allowed)
    assert words in reason


def test_a_share_of_few_copies_says_nothing() -> None:
    allowed = limits(days(*[50] * DAYS), CAP)
    assert reasons(an_hour(0, judged=99, rejected=99, deferred=99), allowed) == ()


def test_a_list_with_many_dead_addresses_is_usual_up_to_half_of_it() -> None:
    allowed = limits(days(*[50] * DAYS, rejected=120), CAP)
    assert reasons(an_hour(100, rejected=36), allowed) == ()
    assert len(reasons(an_hour(100, rejected=37), allowed)) == 1
    spoiled = limits(days(*[50] * DAYS, rejected=400), CAP)
    assert spoiled.rejected.most == 500


def test_what_would_have_to_be_announced_is_what_is_beyond_the_limits() -> None:
    allowed = limits(days(*[50] * DAYS), CAP)
    hour = an_hour(1_150, messages=200)
    assert needed(an_hour(150), allowed) == 0
    assert needed(hour, allowed) == 1_000
    assert reasons(hour.covered(1_000), allowed) == ()
    assert reasons(hour.covered(999), allowed) != ()


def test_traffic_without_its_parts_is_the_rest_and_never_less_than_none() -> None:
    rest = an_hour(100).without([an_hour(30), an_hour(90, rejected=5)])
    assert rest == Traffic()
    assert an_hour(100).without([an_hour(30)]) == an_hour(70)


@given(st.lists(st.integers(0, 5_000), max_size=DAYS), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_mail_is_never_less_suspicious(peaks: list[int], one: int, more: int) -> None:
    allowed = limits(days(*peaks), CAP)
    fewer, many = an_hour(min(one, more)), an_hour(max(one, more))
    assert not (reasons(fewer, allowed) and not reasons(many, allowed))
    assert not (calm(many, allowed) and not calm(fewer, allowed))
    assert not (calm(fewer, allowed) and reasons(fewer, allowed))


def test_an_outbreak_keeps_on_while_its_pace_is_too_much() -> None:
    allowed = limits(days(*[50] * DAYS), CAP)
    assert keeps_on(an_hour(51), allowed)
    assert not keeps_on(an_hour(50), allowed)
    assert keeps_on(an_hour(0, judged=100, rejected=60), allowed)


def told(*hours: tuple[int, str]) -> list[int]:
    """The moments at which it was told, of moments and whether it is over, calm or between."""
    outbreak: Outbreak | None = None
    moments = []
    for now, state in hours:
        outbreak, tell = follow(outbreak, over=state == "over", is_calm=state == "calm", now=now)
        if tell:
            moments.append(now)
    return moments


@pytest.mark.parametrize(
    ("hours", "moments"),
    [
        ([(0, "calm"), (10, "between")], []),
        ([(0, "over"), (15, "over"), (30, "over")], [0]),
        ([(0, "over"), (HOUR - 1, "over"), (HOUR, "over"), (HOUR + 15, "over")], [0, HOUR]),
        ([(0, "over"), (10, "between"), (20, "over"), (30, "calm"), (40, "over")], [0]),
        ([(0, "over"), (60, "calm"), (HOUR, "calm"), (HOUR + 30, "over")], [0, HOUR + 30]),
        ([(0, "over"), (60, "calm"), (HOUR + 60, "calm"), (HOUR + 90, "over")], [0, HOUR + 90]),
        ([(0, "over"), (60, "calm"), (90, "between"), (HOUR + 60, "calm")], [0]),
    ],
)
def test_an_outbreak_is_told_once_and_then_once_an_hour_while_it_is_over_its_limit(
    hours: list[tuple[int, str]], moments: list[int]
) -> None:
    assert told(*hours) == moments


def test_an_hour_of_calm_ends_an_outbreak_and_the_next_is_another() -> None:
    outbreak, _ = follow(None, over=True, is_calm=False, now=0)
    for now in (60, HOUR + 59):
        outbreak, _ = follow(outbreak, over=False, is_calm=True, now=now)
        assert outbreak is not None
    outbreak, tell = follow(outbreak, over=False, is_calm=True, now=HOUR + 60)
    assert (outbreak, tell) == (None, False)
    outbreak, tell = follow(outbreak, over=True, is_calm=False, now=9 * HOUR)
    assert tell
    assert outbreak == Outbreak(began_at=9 * HOUR, told_at=9 * HOUR)


@given(st.lists(st.tuples(st.integers(1, 900), st.sampled_from(["over", "calm", "between"]))))
def test_whatever_happens_it_is_told_once_an_hour_at_most(steps: list[tuple[int, str]]) -> None:
    now, hours = 0, []
    for seconds, state in steps:
        now += seconds
        hours.append((now, state))
    assert all(later - earlier >= HOUR for earlier, later in pairwise(told(*hours)))


def limit_names(allowed: Limits) -> dict[str, Any]:
    return {name: getattr(allowed, name).most for name in ("messages", "copies", "distinct")}


def test_the_cap_is_the_last_word_for_every_number() -> None:
    assert set(limit_names(limits(days(*[900] * DAYS), 50)).values()) == {50}
