"""What a rate limit has let pass: within any hour, over restarts, and as long as it is tried."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.mta.port import CannotCarryOut
from agents.mta.postfix.passes import HOUR, Passes, PassesUnreadable
from domain.hosts import HeldMessage
from tests.agents.gateway import a_hold

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = replace(a_hold("limit"), hourly_limit=2)
MINUTE = timedelta(minutes=1)


def a_message(queue_id: str) -> HeldMessage:
    return HeldMessage(
        queue_id=queue_id, sender="a@shop.example", recipients=1, bytes=1, arrived_at=NOON
    )


FIRST, SECOND = a_message("ABCDE1"), a_message("ABCDE2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "passes.json"


def test_within_any_hour_no_more_than_the_limit(file: Path) -> None:
    passes = Passes(file)
    passes.let([(FIRST, [LIMIT])], NOON)
    passes.let([(SECOND, [LIMIT])], NOON + 30 * MINUTE)
    assert passes.room(LIMIT, NOON + 59 * MINUTE) == 0
    assert passes.room(LIMIT, NOON + HOUR) == 1
    assert passes.room(LIMIT, NOON + 89 * MINUTE) == 1
    assert passes.room(LIMIT, NOON + 90 * MINUTE) == 2


def test_a_restart_counts_on(file: Path) -> None:
    Passes(file).let([(FIRST, [LIMIT])], NOON)
    again = Passes(file)
    assert again.room(LIMIT, NOON) == 1
    assert again.allowed(FIRST)
    assert not again.allowed(SECOND)


def test_a_clock_that_is_set_back_lets_nothing_more_pass(file: Path) -> None:
    passes = Passes(file)
    passes.let([(FIRST, [LIMIT]), (SECOND, [LIMIT])], NOON)
    assert passes.room(LIMIT, NOON - HOUR) == 0


def test_one_that_is_still_tried_stays_allowed_and_no_longer_counts(file: Path) -> None:
    passes = Passes(file)
    passes.let([(FIRST, [LIMIT]), (SECOND, [LIMIT])], NOON)
    passes.forget([SECOND], NOON + HOUR)
    assert (passes.allowed(FIRST), passes.allowed(SECOND)) == (False, True)
    assert passes.room(LIMIT, NOON + HOUR) == 2


def test_a_queue_id_that_is_used_again_is_another_message(file: Path) -> None:
    passes = Passes(file)
    passes.let([(FIRST, [LIMIT])], NOON)
    assert not passes.allowed(replace(FIRST, arrived_at=NOON + MINUTE))


def test_limits_count_apart(file: Path) -> None:
    passes, other = Passes(file), replace(LIMIT, key="other")
    passes.let([(FIRST, [LIMIT, other])], NOON)
    passes.let([(SECOND, [LIMIT])], NOON)
    assert (passes.room(LIMIT, NOON), passes.room(other, NOON)) == (0, 1)


@pytest.mark.parametrize("number", [None, 0, -1])
def test_a_limit_of_nothing_is_a_hold_and_has_to_be_asked_for_as_one(
    file: Path, number: int | None
) -> None:
    with pytest.raises(CannotCarryOut, match="expected 1 or more"):
        Passes(file).room(replace(LIMIT, hourly_limit=number), NOON)


def test_a_file_that_cannot_be_read_does_not_start_the_hour_anew(file: Path) -> None:
    file.write_text("{")
    with pytest.raises(PassesUnreadable, match="mend it or remove it"):
        Passes(file)
