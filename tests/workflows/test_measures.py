"""Measures: the first that can be carried out, the next where one cannot, a person at the end."""

import asyncio
from datetime import timedelta

import pytest

from domain.incident import Stage
from domain.letters.notices import Notice
from domain.news import Observed, Sighting
from domain.steps import TaskKind
from tests.workflows import stages
from tests.workflows.incident import Start
from tests.workflows.world import (
    BLOCK,
    HOLD,
    HOLD_ALL,
    LIMIT,
    LISTED,
    SMARTHOST,
    Gate,
    a_plan,
    a_world,
    until,
)

pytestmark = pytest.mark.real


async def test_a_refused_containment_gives_way_to_the_next(incident: Start) -> None:
    world = a_world(plan=a_plan(containment=(SMARTHOST, LIMIT)), refused={SMARTHOST})
    await stages.waiting(incident, world)
    assert (world.imposed, world.in_force) == ([SMARTHOST, LIMIT], {LIMIT})
    [why] = world.decided(f"{SMARTHOST} cannot be carried out")
    assert why.reasons == ("the host is unreachable",)


async def test_a_containment_that_nobody_confirms_gives_way_to_the_next(incident: Start) -> None:
    world = a_world(plan=a_plan(containment=(SMARTHOST, LIMIT)), silent={SMARTHOST})
    story = await incident(world)
    await until(lambda: world.imposed == [SMARTHOST])
    await story.passes(minutes=6)
    await story.comes_to(Stage.WAITING)
    assert world.in_force == {LIMIT}
    assert world.of("impose_measure")[1].instead_of == (world.of("impose_measure")[0].key,)


async def test_without_any_containment_the_deadline_runs_all_the_same(incident: Start) -> None:
    world = a_world(refused={LIMIT})
    story = await stages.waiting(incident, world)
    assert world.of("send_notice")[0].measure is None
    await story.passes(hours=4, seconds=30)
    await until(lambda: world.in_force == {HOLD})


async def test_a_short_deadline_is_told_before_the_host_has_had_its_time(incident: Start) -> None:
    world = a_world(silent={LIMIT}, deadline=timedelta(minutes=4))
    story = await incident(world)
    await until(lambda: world.imposed == [LIMIT])
    await story.passes(minutes=2, seconds=10)
    await until(lambda: world.letters == [Notice.DEADLINE])
    assert await story.stage() == Stage.WAITING


async def test_a_listing_while_containment_is_awaited_ends_all_waiting(incident: Start) -> None:
    world = a_world(silent={LIMIT})
    story = await incident(world)
    await until(lambda: world.imposed == [LIMIT])
    await world.tell(listed=(LISTED,))
    await until(lambda: world.letters == [Notice.RESTRICTED])
    assert world.in_force == {HOLD}
    assert await story.stage() == Stage.RESTRICTED


async def test_a_host_that_confirms_late_is_believed(incident: Start) -> None:
    world = a_world(silent={LIMIT})
    story = await incident(world)
    await until(lambda: world.imposed == [LIMIT])
    await story.passes(minutes=6)
    await story.comes_to(Stage.WAITING)
    assert (await story.view()).measure is None
    await world.see(world.of("impose_measure")[0].key, Sighting(observed=Observed.APPLIED))
    await until(lambda: world.views[-1].measure == str(LIMIT))
    assert world.decided(f"{LIMIT} is in force after all")


async def test_a_measure_that_fails_on_its_host_gives_way_at_once(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(broken={HOLD}))
    assert story.world.in_force == {HOLD_ALL}
    [why] = story.world.decided(f"{HOLD} did not take hold")
    assert why.reasons == ("postfix: no map",)


async def test_where_no_host_answers_in_time_the_edge_is_reached_at_last(incident: Start) -> None:
    world = a_world(deadline=None, silent={HOLD, HOLD_ALL})
    story = await incident(world)
    for asked in ([HOLD], [HOLD, HOLD_ALL]):
        await until(lambda asked=asked: world.imposed == asked)  # type: ignore[misc]
        await story.passes(minutes=6)
    await until(lambda: world.letters == [Notice.RESTRICTED])
    assert (world.imposed, world.in_force) == ([HOLD, HOLD_ALL, BLOCK], {BLOCK})
    for silent in (HOLD, HOLD_ALL):
        [why] = world.decided(f"{silent} did not take hold")
        assert why.reasons == ("the host said nothing in time",)
    assert world.decided(f"{BLOCK} is in force")
    assert world.tasks == []


async def test_where_no_measure_takes_hold_a_person_has_to_act(incident: Start) -> None:
    world = a_world(refused={LIMIT, HOLD, HOLD_ALL, BLOCK})
    story = await stages.restricted(incident, world)
    await until(lambda: world.letters[-1] is Notice.DEADLINE and len(world.letters) == 3)
    assert world.imposed == [LIMIT, HOLD, HOLD_ALL, BLOCK]
    assert world.tasks == [TaskKind.NO_MEASURE_TOOK_HOLD]
    assert world.of("send_notice")[-1].deadline is None
    assert await story.stage() == Stage.RESTRICTED


async def test_what_held_comes_back_where_nothing_after_it_holds(incident: Start) -> None:
    world = a_world(broken={HOLD, HOLD_ALL, BLOCK})
    await stages.restricted(incident, world)
    await until(lambda: world.letters[-1] is Notice.RESTRICTED)
    assert world.in_force == {LIMIT}
    assert world.of("send_notice")[-1].measure == LIMIT
    assert world.tasks == [TaskKind.NO_MEASURE_TOOK_HOLD]


async def test_containment_that_is_also_preferred_stays(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(plan=a_plan(preferred=(LIMIT, HOLD))))
    assert story.world.imposed == [LIMIT]
    assert story.world.letters[-1] is Notice.RESTRICTED


async def test_escalating_a_restriction_takes_the_next_measure(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.escalate()
    await until(lambda: story.world.in_force == {HOLD_ALL})
    await until(lambda: story.world.letters.count(Notice.RESTRICTED) == 2)
    assert story.world.of("send_notice")[-1].measure == HOLD_ALL


async def test_escalating_past_the_last_measure_keeps_it_and_asks(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(plan=a_plan(preferred=(HOLD,))))
    await story.escalate()
    await until(lambda: story.world.tasks == [TaskKind.NO_MEASURE_TOOK_HOLD])
    assert story.world.in_force == {HOLD}


async def test_a_release_that_no_host_confirms_becomes_a_task(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(stuck=True))
    await story.release(deliver_everything=True)
    await until(lambda: "lift_measures" in story.world.steps)
    await story.passes(minutes=6)
    await until(lambda: TaskKind.RELEASE_UNCONFIRMED in story.world.tasks)
    await story.comes_to(Stage.PROBATION)


# --- release -----------------------------------------------------------------------------------


async def test_a_release_lifts_at_once_without_looking(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.release(discard_senders=("spam@shop.example",))
    await story.comes_to(Stage.PROBATION)
    [lift] = story.world.of("lift_measures")
    assert lift.discard_senders == ("spam@shop.example",)
    assert not lift.keep_offenders
    assert "verify_remedy" not in story.world.steps


async def test_a_release_without_a_word_on_held_mail_keeps_the_offenders(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.release()
    await story.comes_to(Stage.PROBATION)
    assert story.world.of("lift_measures")[0].keep_offenders


async def test_a_release_while_it_is_verified_does_not_wait(incident: Start) -> None:
    story = await stages.restricted(incident)
    await story.fixed(answered=True, discard_senders=("spam@shop.example",))
    await story.comes_to(Stage.VERIFYING)
    await story.release()
    await story.comes_to(Stage.PROBATION)
    [lift] = story.world.of("lift_measures")
    assert lift.discard_senders == ("spam@shop.example",)


async def test_a_release_of_what_is_being_lifted_is_refused(incident: Start) -> None:
    gate = Gate()
    story = await stages.verifying(incident)
    story.world.during["lift_measures"] = gate
    passing = asyncio.create_task(story.passes(minutes=16))
    await gate.reached.wait()
    with pytest.raises(Exception, match="failed") as refused:
        await story.release()
    assert "it is being lifted already" in str(refused.value.__cause__)
    gate.open()
    await passing


async def test_held_mail_of_a_client_who_said_nothing_about_it_stays_held(incident: Start) -> None:
    story = await stages.verifying(incident)
    await story.passes(minutes=16)
    assert story.world.of("lift_measures")[0].keep_offenders


ELSEWHERE = "192.0.2.8"
WIDER = BLOCK.on((ELSEWHERE,), ())


async def test_a_measure_follows_offending_mail_to_another_address(incident: Start) -> None:
    story = await stages.restricted(incident, a_world(refused={HOLD, HOLD_ALL}))
    assert story.world.in_force == {BLOCK}
    await story.world.tell(addresses=(*BLOCK.targets, ELSEWHERE), domains=("another.example",))
    await until(lambda: story.world.in_force == {WIDER})
    await until(lambda: bool(story.world.decided(f"{WIDER} is in force")))
    [why] = story.world.decided(f"{BLOCK} is widened")
    assert why.reasons == (f"offending mail was seen from {ELSEWHERE} too",)
    assert WIDER.targets == (*BLOCK.targets, ELSEWHERE)
    await story.world.tell(addresses=(ELSEWHERE, *BLOCK.targets))
    await story.rests()
    assert story.world.imposed.count(WIDER) == 1


async def test_a_held_domain_is_followed_to_another_domain_and_a_relapse_knows_both(
    incident: Start,
) -> None:
    story = await stages.restricted(incident, a_world())
    both = HOLD.on((), ("another.example",))
    await story.world.tell(addresses=(ELSEWHERE,), domains=("another.example", *HOLD.targets))
    await until(lambda: story.world.in_force == {both})
    await until(lambda: bool(story.world.decided(f"{both} is in force")))
    await story.escalate()
    await until(lambda: story.world.in_force == {HOLD_ALL})
    assert story.world.imposed[-1] == HOLD_ALL


async def test_what_cannot_be_followed_leaves_what_holds_and_a_person_with_it(
    incident: Start,
) -> None:
    story = await stages.restricted(incident, a_world(refused={HOLD, HOLD_ALL, WIDER}))
    await story.world.tell(addresses=(ELSEWHERE,))
    await until(lambda: TaskKind.NO_MEASURE_TOOK_HOLD in story.world.tasks)
    await story.rests()
    assert story.world.in_force == {BLOCK}
    assert story.world.imposed.count(WIDER) == 1
