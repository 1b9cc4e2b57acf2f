"""Charges in the incident's story: billed, told of before a cap, corrected by people."""

from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.acts import CallOutcome, Credit, Dispute, Settle
from domain.incident import Act, Outcome
from domain.letters.notices import Notice
from domain.money.costs import Settlement
from domain.steps import NearCap, TaskKind
from domain.units import Money
from tests.workflows import stages
from tests.workflows.incident import DESK, Incident, Start
from tests.workflows.world import World, a_world

pytestmark = pytest.mark.real


def charge_of(story: Incident) -> str:
    return f"{story.handle.id}/delisting/1"


def a_credit(story: Incident, **other: Any) -> Credit:
    ordinary: dict[str, Any] = {"by": DESK, "charge": charge_of(story), "reason": "too much"}
    return Credit(**ordinary | other)


# --- corrections ----------------------------------------------------------------------------------


async def test_a_credit_is_carried_out_and_on_record(incident: Start) -> None:
    story = await stages.waiting(incident)
    answer = await story.act(Act.CREDIT, a_credit(story, amount=Money(500, "EUR")))
    [asked] = story.world.of("credit_charge")
    assert (asked.charge, asked.amount, asked.by) == (charge_of(story), Money(500, "EUR"), DESK)
    assert "5.00 EUR" in answer.said
    [decision] = story.world.decided("credit 5.00 EUR of")
    assert (decision.by, decision.reasons) == (DESK, ("too much",))


async def test_each_credit_is_an_effect_of_its_own(incident: Start) -> None:
    story = await stages.waiting(incident)
    for _ in range(2):
        await story.act(Act.CREDIT, a_credit(story))
    assert len({each.effect for each in story.world.of("credit_charge")}) == 2


async def test_a_dispute_is_opened_and_settled_while_the_incident_goes_on(incident: Start) -> None:
    story = await stages.waiting(incident)
    charge, upheld = charge_of(story), Settlement.UPHELD
    await story.act(Act.DISPUTE, Dispute(by=DESK, charge=charge, reason="not ours"))
    settle = Settle(by=DESK, charge=charge, settlement=upheld, reason="it was theirs")
    await story.act(Act.SETTLE, settle)
    [opened], [settled] = story.world.of("dispute_charge"), story.world.of("settle_dispute")
    assert (opened.charge, settled.settlement) == (charge_of(story), Settlement.UPHELD)
    await story.fixed()
    assert (await story.closes()).outcome is Outcome.REMEDIATED


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"charge": "incident-other-1/delisting/1"}, "is not a charge of this incident"),
        ({"charge": " "}, "charge is missing"),
        ({"reason": " "}, "reason is missing"),
    ],
)
async def test_a_correction_that_makes_no_sense_is_refused_before_it_is_recorded(
    incident: Start, what: dict[str, str], said: str
) -> None:
    story = await stages.waiting(incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.act(Act.CREDIT, a_credit(story, **what))
    assert said in str(refused.value.cause)
    assert story.world.of("credit_charge") == []


async def test_what_the_ledger_refuses_fails_the_act_and_not_the_incident(incident: Start) -> None:
    story = await stages.waiting(incident, a_world(impossible={"credit_charge"}))
    with pytest.raises(WorkflowUpdateFailedError):
        await story.act(Act.CREDIT, a_credit(story))
    await story.fixed()
    assert (await story.closes()).outcome is Outcome.REMEDIATED


async def test_the_minutes_of_a_call_go_to_the_books(incident: Start) -> None:
    story = await stages.waiting(incident)
    call = CallOutcome(by=DESK, outcome="will look tonight", reached=True, minutes=20)
    await story.act(Act.CALL_OUTCOME, call)
    [done] = story.world.of("complete_tasks")
    assert (done.minutes, done.by) == (20, DESK)


@pytest.mark.parametrize("minutes", [-1, 1_441])
async def test_a_call_takes_no_less_than_none_and_no_more_than_a_day(
    incident: Start, minutes: int
) -> None:
    story = await stages.waiting(incident)
    call = CallOutcome(by=DESK, outcome="x", reached=True, minutes=minutes)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.act(Act.CALL_OUTCOME, call)
    assert "a call takes from 0 to 1440 minutes" in str(refused.value.cause)


# --- caps -----------------------------------------------------------------------------------------


def near_cap() -> NearCap:
    return NearCap(incident="i", key="i/cap/incident", detail="27 of 30 EUR")


async def billed(start: Start, world: World) -> Incident:
    story = await stages.restricted(start, world)
    await story.fixed()
    await story.passes(minutes=16)
    return story


async def test_client_and_desk_are_told_of_a_cap_before_anything_is_charged(
    incident: Start,
) -> None:
    world = a_world(near=(near_cap(),), charges=("delisting: 25.00 EUR (due): the first",))
    await billed(incident, world)
    order = [
        step for step in world.steps if step in ("record_charges", "send_notice", "ask_person")
    ]
    first = order.index("record_charges")
    assert order[first : first + 4] == [
        "record_charges", "send_notice", "ask_person", "record_charges",
    ]  # fmt: skip
    assert world.letters.count(Notice.NEAR_CAP) == 1
    [task] = [each for each in world.of("ask_person") if each.kind is TaskKind.NEAR_CAP]
    assert (task.key, task.detail) == ("i/cap/incident", "27 of 30 EUR")
    [letter] = [each for each in world.of("send_notice") if each.notice is Notice.NEAR_CAP]
    assert letter.key == "i/cap/incident/notice"
    assert world.decided("charged")[0].reasons == world.charges


async def test_a_client_who_cannot_be_told_of_a_cap_holds_up_no_bill(incident: Start) -> None:
    world = a_world(near=(near_cap(),))
    story = await stages.restricted(incident, world)
    world.impossible.add("send_notice")
    await story.fixed()
    await story.passes(minutes=16)
    assert [each.kind for each in world.of("ask_person")].count(TaskKind.NEAR_CAP) == 1
    assert world.steps.count("record_charges") == 2
