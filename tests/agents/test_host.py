"""The host agent keeps its mail server as the gateway wants it, whatever fails meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agents.host import Rhythm
from agents.mta.port import CannotCarryOut
from domain.hosts import Desired, Observation
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from tests.agents.gateway import QUICK, SECONDS, Gateway, MailServer, a_hold, an_agent, lifted


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def server() -> MailServer:
    return MailServer()


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not fact():  # noqa: ASYNC110 - the server in memory tells nobody
            await asyncio.sleep(0.005)


async def test_a_measure_is_applied_observed_and_lifted(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    async with an_agent(gateway, server, tmp_path):
        await gateway.want(a_hold())
        await gateway.until_told("hold", Observed.APPLIED)
        assert server.in_force == {"hold": a_hold()}
        await gateway.want(lifted(a_hold()))
        await gateway.until_told("hold", Observed.LIFTED)
        assert server.in_force == {}


async def test_nothing_is_sent_when_nothing_changed(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        await gateway.until_told("hold", Observed.APPLIED)
        before = server.times("observe")
        await until(lambda: server.times("observe") > before + 5)
        assert len(gateway.reports) == 1


async def test_an_observation_is_repeated_until_the_gateway_takes_it(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        await gateway.until_told("hold", Observed.APPLIED)
        gateway.status = 503
        server.detail = "one more is held"
        await gateway.until_refused(3)
        gateway.status = 200
        await gateway.until_told("hold", Observed.APPLIED, "one more is held")


async def test_the_newest_observation_replaces_one_that_could_not_be_handed_in(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        await gateway.until_told("hold", Observed.APPLIED)
        gateway.status = 503
        for detail in ("older", "newest"):
            server.detail, seen = detail, server.times("observe")
            await until(lambda seen=seen: server.times("observe") > seen + 1)  # type: ignore[misc]
        gateway.status = 200
        await gateway.until_told("hold", Observed.APPLIED, "newest")
        assert [seen.detail for seen in gateway.told("hold")] == ["held", "newest"]


async def test_a_refused_key_ends_no_measure_and_is_asked_again(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        await gateway.until_told("hold", Observed.APPLIED)
        gateway.status = 401
        # The question that is open is answered first; the next ones meet the refusal.
        await gateway.want(a_hold(), a_hold("second"))
        await gateway.until_refused(2)
        assert "hold" in server.in_force
        gateway.status = 200
        await gateway.until_told("second", Observed.APPLIED)


async def test_a_failure_is_reported_in_its_own_words_and_tried_again(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    server.broken["apply"] = RuntimeError("postfix is not running")
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        seen = await gateway.until_told("hold", Observed.FAILED)
        assert seen.detail == "postfix is not running"
        await until(lambda: server.times("apply") >= 3)
        del server.broken["apply"]
        await gateway.until_told("hold", Observed.APPLIED)


async def test_a_measure_that_can_never_be_carried_out_is_not_tried_again(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    server.broken["apply"] = CannotCarryOut("no such domain")
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path, replace(QUICK, repeat=0.05)):
        seen = await gateway.until_told("hold", Observed.FAILED)
        assert seen.detail == "no such domain"
        del server.broken["apply"]
        await gateway.want(a_hold(), a_hold("second"))
        await until(lambda: server.times("apply", "second") >= 3)
        assert server.times("apply") == 1


async def test_a_measure_that_the_server_lacks_fails_with_the_reason(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    limit = replace(
        a_hold(),
        restriction=Restriction(
            measure=Measure.RATE_LIMIT, scope=Scope.SERVER, targets=("mx.host.example",)
        ),
        hourly_limit=100,
    )
    async with an_agent(gateway, server, tmp_path):
        await gateway.want(limit)
        seen = await gateway.until_told("hold", Observed.FAILED)
        assert seen.detail == "memory has no rate_limit"
        await gateway.want(lifted(limit))
        await gateway.until_told("hold", Observed.LIFTED, "it was never in force")
    assert server.done == []


async def test_a_failed_look_loses_nothing_that_is_known_and_brings_the_measure_back(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    async def seen_with_count(measure: object) -> Observation:
        return Observation(key="hold", observed=Observed.APPLIED, relayed=7)

    server.apply = seen_with_count  # type: ignore[method-assign]
    server.broken["observe"] = RuntimeError("the queue cannot be read")
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        seen = await gateway.until_told("hold", Observed.FAILED)
        assert (seen.detail, seen.relayed) == ("the queue cannot be read", 7)
        del server.broken["observe"]
        await gateway.until_told("hold", Observed.APPLIED)


async def test_everything_is_applied_again_in_case_somebody_changed_the_host(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path, replace(QUICK, repeat=0.05)):
        await gateway.until_told("hold", Observed.APPLIED)
        server.in_force.clear()
        await until(lambda: "hold" in server.in_force)


async def test_a_measure_missing_from_the_desired_state_stays_in_force(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    async with an_agent(gateway, server, tmp_path):
        await gateway.want(a_hold())
        await gateway.until_told("hold", Observed.APPLIED)
        await gateway.want(a_hold("second"))
        await gateway.until_told("second", Observed.APPLIED)
    assert set(server.in_force) == {"hold", "second"}
    again = MailServer()
    gateway.status = 503
    async with an_agent(gateway, again, tmp_path):
        await until(lambda: set(again.in_force) == {"hold", "second"})


async def test_a_lift_that_the_gateway_forgets_about_is_still_carried_out(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    async with an_agent(gateway, server, tmp_path):
        await gateway.want(a_hold())
        await gateway.until_told("hold", Observed.APPLIED)
        server.broken["lift"] = RuntimeError("not now")
        await gateway.want(lifted(a_hold()))
        await until(lambda: server.times("lift") > 0)
        await gateway.want(a_hold("second"))
        await gateway.until_told("second", Observed.APPLIED)
        del server.broken["lift"]
        await until(lambda: set(server.in_force) == {"second"})


async def test_after_a_start_without_the_gateway_the_agent_goes_on_with_what_it_knew(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        await gateway.until_told("hold", Observed.APPLIED)
    again = MailServer()
    gateway.status = 503
    async with an_agent(gateway, again, tmp_path):
        await until(lambda: "hold" in again.in_force)


async def test_after_a_start_the_whole_state_is_asked_for(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        await gateway.until_told("hold", Observed.APPLIED)
    gateway.asked_after.clear()
    async with an_agent(gateway, server, tmp_path):
        await until(lambda: gateway.asked_after != [])
    assert gateway.asked_after[0] == 0


async def test_an_unreadable_memory_is_asked_for_anew(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    (tmp_path / "desired.json").write_text('{"revision": 3, "meas')
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path):
        await gateway.until_told("hold", Observed.APPLIED)


async def test_a_replaced_measure_ends_only_after_its_successor_began(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    async with an_agent(gateway, server, tmp_path):
        await gateway.want(a_hold())
        await gateway.until_told("hold", Observed.APPLIED)
        await gateway.want(lifted(a_hold()), a_hold("second"))
        await gateway.until_told("hold", Observed.LIFTED)
    done = [each for each in server.done if each[0] != "observe"]
    assert done.index(("apply", "second")) < done.index(("lift", "hold"))


async def test_stopping_ends_no_measure(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    await gateway.want(a_hold())
    async with an_agent(gateway, server, tmp_path, Rhythm()):
        await gateway.until_told("hold", Observed.APPLIED)
    assert "hold" in server.in_force


async def test_a_disk_without_room_stops_no_measure_and_none_is_forgotten(
    gateway: Gateway, server: MailServer, tmp_path: Path
) -> None:
    in_the_way = tmp_path / ".desired.json.new"
    async with an_agent(gateway, server, tmp_path):
        await gateway.want(a_hold())
        await gateway.until_told("hold", Observed.APPLIED)
        in_the_way.mkdir()
        await gateway.want(a_hold(), a_hold("second"))
        await gateway.until_told("second", Observed.APPLIED)
        assert server.in_force.keys() == {"hold", "second"}
        assert "second" not in (tmp_path / "desired.json").read_text()
        in_the_way.rmdir()
        await until(lambda: "second" in (tmp_path / "desired.json").read_text())


class Slow(MailServer):
    """A mail host that a look at a measure takes long on."""

    def __init__(self) -> None:
        super().__init__()
        self.looking, self.go_on = asyncio.Event(), asyncio.Event()

    async def observe(self, measure: Desired) -> Observation:
        self.looking.set()
        await self.go_on.wait()
        return await super().observe(measure)


async def test_a_new_measure_is_applied_before_the_others_are_looked_at(
    gateway: Gateway, tmp_path: Path
) -> None:
    server = Slow()
    async with an_agent(gateway, server, tmp_path):
        await gateway.want(a_hold(), a_hold("other"))
        await server.looking.wait()
        server.done.clear()
        await gateway.want(a_hold(), a_hold("other"), a_hold("new"))
        await until(lambda: "new" in (tmp_path / "desired.json").read_text())
        server.go_on.set()
        await gateway.until_told("new", Observed.APPLIED)
        assert server.done[1] == ("apply", "new")
