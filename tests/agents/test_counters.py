"""What an agent says that it has counted, when the mail server's counter had to begin again."""

from pathlib import Path

import pytest

from agents.holding import Holding
from agents.mail_server import Queued, Relayed
from domain.hosts import Desired, Observation
from domain.measures import Measure
from domain.news import Observed
from tests.agents.gateway import a_hold
from tests.agents.test_exim_deliveries import a_redirect


class Counting:
    """A mail server that does nothing but count."""

    name = "counting"
    can = frozenset({Measure.SMARTHOST_REDIRECT})
    says = Relayed()

    async def enforce(self, in_force: tuple[Desired, ...]) -> str:
        return ""

    async def queued(self) -> list[Queued]:
        return []

    async def relayed(self, measure: Desired) -> Relayed:
        return self.says


async def test_a_counter_that_began_again_is_told_by_its_new_name(tmp_path: Path) -> None:
    server = Counting()
    agent = Holding(server, tmp_path)  # type: ignore[arg-type]
    server.says = Relayed(messages=900, counter="a")
    await agent.apply(a_redirect())
    server.says = Relayed(messages=30, counter="b")
    seen = await agent.observe(a_redirect())
    assert (seen.observed, seen.relayed, seen.counter) == (Observed.APPLIED, 30, "b")


async def test_a_count_that_fell_under_the_same_name_is_not_believed(tmp_path: Path) -> None:
    server = Counting()
    agent = Holding(server, tmp_path)  # type: ignore[arg-type]
    server.says = Relayed(messages=900, counter="a")
    await agent.apply(a_redirect())
    server.says = Relayed(messages=30, counter="a")
    assert (await agent.observe(a_redirect())).relayed == 900


@pytest.mark.parametrize("counter", ["A", "a b", "x" * 33])
def test_a_counters_name_is_short_and_plain(counter: str) -> None:
    with pytest.raises(ValueError, match="at most 32"):
        Observation(key=a_hold().key, observed=Observed.APPLIED, counter=counter)
