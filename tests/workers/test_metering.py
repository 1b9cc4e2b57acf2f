"""The metering's one setting: how far two counts of the same mail may be apart."""

import pytest

from domain.money.metering import Tolerance
from tests.workers.test_settings import ENOUGH, problems
from workers.settings.provider import Settings


def test_two_per_cent_and_fifty_messages_unless_told_otherwise() -> None:
    assert Settings.read(ENOUGH).usage_difference == Tolerance(percent=2.0, messages=50)


@pytest.mark.parametrize("given", ["0.5%,10", "0.5, 10", "0.5 % , 10"])
def test_both_limits_can_be_set(given: str) -> None:
    read = Settings.read({**ENOUGH, "PLAZO_USAGE_DIFFERENCE": given})
    assert read.usage_difference == Tolerance(percent=0.5, messages=10)


@pytest.mark.parametrize("given", ["2%", "some", "2,-5", "2%,1.5"])
def test_what_is_no_limit_is_told_with_what_to_write(given: str) -> None:
    [problem] = problems(PLAZO_USAGE_DIFFERENCE=given)
    assert problem.endswith("is not PERCENT,MESSAGES; write it as 2%,50")
