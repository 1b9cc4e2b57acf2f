"""What an agent hands in: all of it, in requests that a gateway takes."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import cast

from agents.link import Link, NotTaken
from agents.observations import Observations
from agents.pace import BackOff
from domain.hosts import Counts, HeldMessage, Observation, Report
from domain.news import Observed

CAME = datetime(2026, 11, 24, tzinfo=UTC)


class Gateway:
    """Takes everything, and remembers the requests until there are `enough` observations."""

    def __init__(self, enough: int) -> None:
        self.reports: list[Report] = []
        self.left = enough
        self.all_in = asyncio.Event()

    async def observed(self, report: Report) -> None:
        if any(each.key == "lost" for each in report.observations):
            raise NotTaken("403: no measure of this host")
        self.reports.append(report)
        self.left -= len(report.observations)
        if not self.left:
            self.all_in.set()


def seen(key: str, messages: int) -> Observation:
    held = (
        HeldMessage(
            queue_id=f"Q{n}", sender="a@shop.example", recipients=1, bytes=9, arrived_at=CAME
        )
        for n in range(messages)
    )
    return Observation(key=key, observed=Observed.APPLIED, messages=tuple(held))


async def handed_in(*observations: Observation) -> list[Report]:
    gateway = Gateway(len(observations))
    own = Observations(cast(Link, gateway), BackOff())
    for each in observations:
        own.note(each)
    task = asyncio.create_task(own.hand_in())
    await gateway.all_in.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return gateway.reports


async def test_of_a_very_long_queue_the_first_are_listed_and_all_are_counted() -> None:
    [report] = await handed_in(seen("m-1", 70_000))
    [told] = report.observations
    assert told.counts == Counts(held=70_000)
    assert [each.queue_id for each in told.messages[:2]] == ["Q0", "Q1"]
    assert len(told.messages) == 20_000


async def test_long_queues_of_several_measures_go_in_requests_of_their_own() -> None:
    reports = await handed_in(seen("m-1", 15_000), seen("m-2", 15_000), seen("m-3", 10))
    assert [[each.key for each in report.observations] for report in reports] == [
        ["m-1"], ["m-2", "m-3"],
    ]  # fmt: skip


async def test_a_short_queue_is_told_whole() -> None:
    [report] = await handed_in(seen("m-1", 3))
    assert report.observations == (seen("m-1", 3),)


async def test_what_is_never_taken_keeps_nothing_else_back() -> None:
    gateway = Gateway(2)
    own = Observations(cast(Link, gateway), BackOff())
    for key in ("m-1", "lost", "m-2"):
        own.note(seen(key, 1))
    task = asyncio.create_task(own.hand_in())
    await gateway.all_in.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    taken = {each.key for report in gateway.reports for each in report.observations}
    assert taken == {"m-1", "m-2"}
