"""What the client says besides that it is fixed: that it is wrong, and what of mail that stayed."""

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.acts import Contest, KeptMail
from domain.incident import Act, Stage
from domain.news import Observed, Sighting
from domain.steps import TaskKind
from tests.workflows import stages
from tests.workflows.incident import Start

pytestmark = pytest.mark.real

CLIENT = "client aurora"


async def test_a_contested_report_is_a_task_and_the_deadline_runs_on(incident: Start) -> None:
    story = await stages.waiting(incident)
    before = (await story.view()).deadline
    answer = await story.act(Act.CONTEST, Contest(by=CLIENT, reason="that address is not ours"))
    assert answer.stage == Stage.WAITING
    view = await story.view()
    assert (view.deadline, view.acknowledged) == (before, True)
    [asked] = [each for each in story.world.of("ask_person") if "wrong" in each.detail]
    assert asked.kind is TaskKind.CLIENT_CONTESTS
    assert asked.detail == f"{CLIENT} says that it is wrong: that address is not ours"
    [said] = [each for each in story.world.decisions if "wrong" in each.what]
    assert (said.by, said.reasons) == (CLIENT, ("that address is not ours",))
    await story.passes(hours=5)
    await story.comes_to(Stage.RESTRICTED)


async def test_saying_that_it_is_wrong_needs_words(incident: Start) -> None:
    story = await stages.waiting(incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.act(Act.CONTEST, Contest(by=CLIENT, reason=" "))
    assert "reason is missing" in str(refused.value.cause)


async def test_mail_that_stayed_held_is_decided_on_after_the_release(incident: Start) -> None:
    story = await stages.probation(incident)
    world = story.world
    [lifted] = world.of("lift_measures")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.act(Act.KEPT_MAIL, KeptMail(by=CLIENT))
    assert "no mail has stayed held" in str(refused.value.cause)
    await world.see(lifted.keys[0], Sighting(observed=Observed.LIFTED, kept=2))
    await story.rests()
    act = KeptMail(by=CLIENT, note="all of it is spam", discard_senders=("info@shop.example",))
    await story.act(Act.KEPT_MAIL, act)
    asked = world.of("lift_measures")[-1]
    assert asked.keys == lifted.keys
    assert asked.discard_senders == ("info@shop.example",)
    assert not asked.keep_offenders
    [said] = [each for each in world.decisions if "stayed held" in each.what]
    assert said.reasons == (
        "all of it is spam",
        "held mail to discard, by sender: info@shop.example",
        "all other held mail is to be delivered",
    )
    assert await story.stage() == Stage.PROBATION


async def test_mail_is_not_decided_on_while_the_measure_is_in_force(incident: Start) -> None:
    story = await stages.restricted(incident)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await story.act(Act.KEPT_MAIL, KeptMail(by=CLIENT))
    assert '"kept_mail" is refused at stage "restricted"' in str(refused.value.cause)
