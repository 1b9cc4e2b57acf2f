"""How often each list is asked about each address, within what it allows."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.blocklists.blocklist import Blocklist, Keeps
from domain.blocklists.watching import (
    EndWatch,
    Tally,
    WatchPlan,
    is_due,
    kept,
    late,
    too_many,
    turns,
)

HOUR, DAY = 3_600, 86_400
A_16 = 65_536
ADDRESSES = [f"192.0.{n // 256}.{n % 256}" for n in range(300)]
SITES = [f"2001:db8:0:{n:x}::" for n in range(300)]
DOMAINS = [f"shop{n}.example" for n in range(300)]


def a_list(**limits: int) -> Blocklist:
    return Blocklist(zone="bl.example", **limits)  # type: ignore[arg-type]


def an_end(**other: object) -> EndWatch:
    ordinary = {
        "window_seconds": 6 * HOUR, "seconds": HOUR, "tally": Tally(addresses=A_16),
        "plan": WatchPlan(addresses=A_16, turns={}),
    }  # fmt: skip
    return EndWatch(**{**ordinary, **other})  # type: ignore[arg-type]


def test_a_list_without_a_daily_limit_is_asked_about_all_in_every_pass() -> None:
    assert turns(a_list(), A_16, 6 * HOUR) == 1


def test_a_daily_limit_is_shared_by_the_passes_of_a_day() -> None:
    assert turns(a_list(per_day=300_000), A_16, DAY) == 1
    assert turns(a_list(per_day=300_000), A_16, 6 * HOUR) == 2
    assert turns(a_list(per_day=5_000), A_16, DAY) == 17


def test_a_window_of_days_does_not_add_up_to_a_larger_day() -> None:
    assert turns(a_list(per_day=50_000), A_16, 7 * DAY) == turns(a_list(per_day=50_000), A_16, DAY)


def test_a_slow_list_has_its_pace() -> None:
    assert turns(a_list(per_second=1), A_16, 6 * HOUR) == 4


@given(
    per_second=st.integers(1, 100),
    per_day=st.none() | st.integers(10, 1_000_000),
    addresses=st.integers(0, 1_000_000),
    hours=st.integers(1, 48),
)
def test_no_pass_asks_more_than_is_allowed(
    per_second: int, per_day: int | None, addresses: int, hours: int
) -> None:
    entry = Blocklist(zone="bl.example", per_second=per_second, per_day=per_day)
    asked = addresses / turns(entry, addresses, hours * HOUR)
    assert asked <= per_second * hours * HOUR
    if per_day is not None:
        assert asked <= max(per_day * min(hours, 24) / 24, 1)


@given(passes=st.integers(1, 40), first=st.integers(0, 10**6), addresses=st.sampled_from(
    [ADDRESSES, SITES, DOMAINS]
))  # fmt: skip
def test_each_address_comes_once_in_so_many_passes(
    passes: int, first: int, addresses: list[str]
) -> None:
    for address in addresses:
        due = [number for number in range(first, first + 3 * passes) if
               is_due(address, number, passes)]  # fmt: skip
        assert len(due) == 3
        assert all(later - earlier == passes for earlier, later in pairwise(due))


def test_the_passes_are_of_equal_size() -> None:
    for addresses in (ADDRESSES, SITES):
        sizes = [sum(is_due(each, number, 7) for each in addresses) for number in range(7)]
        assert max(sizes) - min(sizes) <= 1


def test_a_person_is_told_which_limit_how_often_and_what_to_do() -> None:
    told = too_many(a_list(per_day=5_000), an_end(), 68)
    assert "bl.example allows 5,000 questions a day, too few for 65,536 addresses" in told
    assert "every 6 h: each is looked up every 408 h" in told
    assert "PLAZO_WATCH" in told


def test_a_late_pass_says_what_was_slow() -> None:
    tally = Tally(addresses=1_000, unanswered={"bl.example": "no answer within 5.0 s"})
    told = late(an_end(seconds=7 * HOUR, tally=tally, finished=False))
    assert "over 1,000 of 65,536 addresses has taken 7 h, longer than its 6 h" in told
    assert "No usable answer from bl.example: no answer within 5.0 s" in told


def test_tallies_add_up() -> None:
    one = Tally(addresses=1, questions=30, unanswered={"a.example": "SERVFAIL"}, short=("b",))
    two = Tally(addresses=2, found=1, gone=1, unanswered={"a.example": "REFUSED"}, short=("a",))
    assert one + two == Tally(
        addresses=3, questions=30, found=1, gone=1, unanswered={"a.example": "REFUSED"},
        short=("a", "b"),
    )  # fmt: skip


def test_a_list_is_counted_for_what_it_keeps() -> None:
    both = Blocklist(zone="bl.example", keeps=frozenset(Keeps))
    domains = replace(both, keeps=frozenset({Keeps.DOMAIN}))
    assert [kept(each, 100, 7) for each in (both, domains, a_list())] == [107, 7, 100]


def test_a_person_is_told_what_a_list_of_domains_keeps() -> None:
    end = an_end(plan=WatchPlan(addresses=A_16, turns={}, domains=9_000))
    told = too_many(replace(a_list(per_day=10), keeps=frozenset({Keeps.DOMAIN})), end, 3)
    assert "too few for 9,000 domains every 6 h" in told
