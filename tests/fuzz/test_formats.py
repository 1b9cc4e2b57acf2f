"""A short run; `python -m tests.fuzz SECONDS` is the long one."""

import itertools
from collections.abc import Callable

import pytest

from tests.fuzz import campaign
from tests.fuzz.campaign import Found, check, run

REPORTS = 1_500


def reports_read() -> Callable[[], float]:
    """A clock that ticks once for each report, so that a run has the same number everywhere."""
    ticks = itertools.count()
    return lambda: float(next(ticks))


def test_whatever_comes_is_understood_or_not_within_its_bounds() -> None:
    found = run(REPORTS, seed=20260310, clock=reports_read())

    assert found.executions > REPORTS
    formats = {
        "arf",
        "jmrp",
        "spamcop",
        "forwarded",
        "xarf",
        "mailchannels",
        "rspamd",
        "plain_json",
    }
    assert formats | {"nothing", "not understood"} == set(found.outcomes)


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (run(60, seed=7, clock=reports_read()) for _ in range(2))

    assert first.outcomes == second.outcomes


def test_a_run_notices_what_escapes_and_what_takes_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(content: bytes) -> str:
        raise KeyError(content)

    def takes_memory(content: bytes) -> str:
        return str(len(bytearray(campaign.MEMORY + 10 * 1024 * 1024)))

    def takes_time(content: bytes) -> str:
        return str(sum(range(100_000)))

    monkeypatch.setattr(campaign, "_read", fails)
    with pytest.raises(KeyError):
        check(b"x", Found())
    monkeypatch.setattr(campaign, "_read", takes_memory)
    with pytest.raises(AssertionError, match="for 1 bytes"):
        check(b"x", Found(executions=campaign._EVERY - 1))
    monkeypatch.setattr(campaign, "_read", takes_time)
    monkeypatch.setattr(campaign, "SECONDS", 0.0)
    with pytest.raises(AssertionError, match="s for 1 bytes"):
        check(b"x", Found())
