"""Readings of counters: whatever happens to them, the total is right or not yet whole."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.money.metering import HOST, Reading, Tolerance, counted, growth, high_water, shares
from tests.domain.builders import NOW


def a_reading(value: int, *, number: int = 1, epoch: str = "a", minutes: int = 0) -> Reading:
    return Reading(
        id=number, source=HOST, host="mx1", measure="m-1", epoch=epoch, value=value,
        taken_at=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Reading], int]:
    """The readings of a counter that began anew now and then, in order, and what it counted."""
    found: list[Reading] = []
    total = 0
    for life in range(draw(st.integers(1, 4))):
        value = 0
        for more in draw(st.lists(st.integers(0, 1_000), min_size=1, max_size=8)):
            value += more
            found.append(a_reading(value, number=len(found) + 1, epoch=f"life-{life}"))
        total += value
    return found, total


@given(lives(), st.randoms())
def test_any_order_and_repetition_gives_the_same_total(
    life: tuple[list[Reading], int], chance: st.DataObject
) -> None:
    readings, total = life
    again = [*readings, *(r for r in readings if chance.random() < 0.5)]  # type: ignore[attr-defined]
    chance.shuffle(again)  # type: ignore[attr-defined]
    assert counted(again).quantity == total
    assert counted(again) == counted(readings)


@given(lives(), st.data())
def test_what_is_lost_is_in_the_last_reading_of_each_counter(
    life: tuple[list[Reading], int], data: st.DataObject
) -> None:
    readings, total = life
    last = {reading.epoch: reading for reading in readings}
    kept = data.draw(st.lists(st.sampled_from(readings)))
    assert counted(kept).quantity <= total
    assert counted([*kept, *last.values()]).quantity == total


@given(lives(), st.data())
def test_a_further_reading_never_takes_anything_back(
    life: tuple[list[Reading], int], data: st.DataObject
) -> None:
    readings, _ = life
    some = data.draw(st.lists(st.sampled_from(readings)))
    more = data.draw(st.sampled_from(readings))
    assert counted([*some, more]).quantity >= counted(some).quantity


@given(lives())
def test_the_evidence_adds_up_to_the_quantity(life: tuple[list[Reading], int]) -> None:
    readings, total = life
    by_id = {reading.id: reading.value for reading in readings}
    found = counted(readings)
    assert sum(by_id[number] for number in found.evidence) == total


def test_counters_of_other_measures_hosts_and_sources_are_others() -> None:
    one = a_reading(5)
    others = [
        replace(one, id=2, measure="m-2"), replace(one, id=3, host="mx2"),
        replace(one, id=4, source="mailchannels"),
    ]  # fmt: skip
    assert counted([one, *others]).quantity == 20
    assert len(high_water([one, *others, *others])) == 4


def test_growth_is_what_was_told_between_two_moments_a_minute_later() -> None:
    readings = [a_reading(n * 10, number=n, minutes=n) for n in range(1, 6)]
    assert growth(readings, NOW + timedelta(minutes=1), NOW + timedelta(minutes=3)) == 20
    assert growth(readings, NOW, NOW + timedelta(minutes=10)) == 50
    assert growth([], NOW, NOW + timedelta(minutes=10)) == 0


weights = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 10**6))


@given(st.integers(0, 10**6), weights.filter(bool))
def test_shares_add_up_and_lack_less_than_a_message(
    messages: int, given_weights: dict[str, int]
) -> None:
    found = shares(messages, given_weights)
    assert sum(found.values()) == messages
    total = sum(given_weights.values())
    for key, weight in given_weights.items():
        if total:
            assert found[key] >= messages * weight // total


@given(st.integers(0, 2_000), st.integers(0, 50), weights.filter(bool))
def test_nobodys_share_falls_as_a_figure_grows(
    messages: int, more: int, given_weights: dict[str, int]
) -> None:
    before, after = shares(messages, given_weights), shares(messages + more, given_weights)
    assert all(after[key] >= before[key] for key in before)


def test_shares_are_even_where_nothing_is_known() -> None:
    assert shares(9, {"a": 0, "b": 0}) == {"a": 5, "b": 4}
    assert shares(9, {}) == {}
    assert shares(10, {"a": 3, "b": 1}) == {"a": 8, "b": 2}


def test_a_difference_has_to_pass_both_limits() -> None:
    tolerance = Tolerance(percent=2.0, messages=50)
    assert not tolerance.passed_by(1_000, 951)
    assert not tolerance.passed_by(100_000, 99_000)
    assert tolerance.passed_by(2_000, 1_900)
    assert tolerance.passed_by(0, 51)
    assert tolerance.passed_by(1_900, 2_000)
