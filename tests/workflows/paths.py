"""Whole incidents from report to close: those that are measured, and those that are recorded."""

from datetime import timedelta

from domain.incident import Outcome, Stage
from domain.ladder import Condition, Rung, Term
from domain.letters.notices import Notice
from tests.workflows import stages
from tests.workflows.incident import Incident, Start
from tests.workflows.world import BLOCK, HOLD, LISTED, SMARTHOST, World, a_plan, a_world, until


def a_quick_world() -> World:
    """Every wait of an incident, each about a second, for a server whose time cannot be skipped."""
    plan = a_plan(call=True, preferred=(HOLD, SMARTHOST, BLOCK), probation=timedelta(seconds=3))
    return a_world(
        plan=plan,
        deadline=timedelta(seconds=3),
        reminders=(timedelta(seconds=2),),
        verify=timedelta(seconds=1),
        look_again=timedelta(seconds=1),
    )


async def everything(start: Start) -> Incident:
    """Notice, wait, hold, smarthost, listing, release, delisting, probation, close."""
    world = a_quick_world()
    story = await start(world)
    await until(lambda: Notice.REMINDER in world.letters)
    await until(lambda: Notice.RESTRICTED in world.letters)
    await story.escalate()
    await until(lambda: world.letters.count(Notice.RESTRICTED) == 2)
    world.listed = (LISTED,)
    await world.tell(listed=(LISTED,), reports=3, volume=400)
    await story.fixed(answered=True, discard_senders=("spam@shop.example",))
    await story.comes_to(Stage.DELISTING)
    await until(lambda: world.steps[-1] == "ask_person")
    world.listed = ()
    closed = await story.closes()
    assert closed.outcome is Outcome.REMEDIATED
    return story


async def fixed_in_time(start: Start) -> Incident:
    """An extension, a reminder, and the client's word before the deadline."""
    story = await stages.waiting(start, a_world(plan=a_plan(call=True)))
    await story.acknowledge()
    await story.call_outcome(reached=True)
    await story.extend(hours=2)
    await story.passes(hours=5, minutes=30)
    await story.fixed()
    await story.closes()
    return story


async def silence(start: Start) -> Incident:
    """No measure but the last, every chaser, the final notice, and a termination."""
    story = await stages.restricted(start, a_world(broken={HOLD}))
    await story.passes(days=8)
    await story.close(Outcome.TERMINATED)
    await story.closes()
    return story


async def relapse(start: Start) -> Incident:
    """A second incident: not fixed at first, listed, and back in probation once."""
    conditions = (Condition.CAUSE_FIXED, Condition.DELISTING_FEE)
    world = a_world(
        plan=a_plan(rung=Rung.SECOND, conditions=conditions),
        deadline=timedelta(hours=2),
        offences=[("2 reports since",)],
    )
    story = await stages.waiting(start, world)
    await world.tell(listed=(LISTED,))
    world.listed = (LISTED,)
    await story.comes_to(Stage.RESTRICTED)
    await until(lambda: world.letters[-1] is Notice.RESTRICTED)
    await story.fixed(Term.DELISTING_FEE)
    await story.passes(minutes=16)
    await until(lambda: world.letters[-1] is Notice.NOT_FIXED)
    await story.fixed(Term.DELISTING_FEE)
    await story.passes(minutes=16)
    await story.comes_to(Stage.DELISTING)
    world.listed = ()
    await story.passes(hours=2)
    await story.comes_to(Stage.PROBATION)
    await world.tell(last_sent_at=await story.now())
    await until(lambda: world.letters[-1] is Notice.RELAPSE)
    await story.passes(minutes=5)
    await story.release(deliver_everything=True)
    await story.closes()
    return story


async def false_positive(start: Start) -> Incident:
    """Declared while a step fails again and again."""
    story = await stages.restricted(start)
    story.world.down.add("waive_charge")
    await story.passes(days=2)
    await story.false_positive()
    await story.closes()
    return story


async def cancelled(start: Start) -> Incident:
    """Through Temporal, while the deadline runs."""
    story = await stages.waiting(start)
    await story.handle.cancel()
    await story.closes()
    return story


async def untold(start: Start) -> Incident:
    """No contact takes the first letter; told by a person; then a letter that comes back, and
    channels beside mail."""
    world = a_world(channels=1, impossible={"send_notice"})
    story = await stages.waiting(start, world)
    await story.rests()
    await story.passes(hours=5)
    await world.tell(told_at=await story.now(), tasks_done=1)
    await until(lambda: bool(world.decided("the deadline is now")))
    world.impossible.clear()
    await story.passes(hours=3, minutes=1)
    await until(lambda: Notice.REMINDER in world.letters)
    await world.tell(bounced={f"{story.handle.id}/notice/2": str(Notice.REMINDER)})
    await until(lambda: world.letters.count(Notice.REMINDER) == 2)
    await story.fixed()
    await story.closes()
    return story


async def turned_over(start: Start) -> Incident:
    """Two runs, on a server that suggests to continue as new early: news until it does."""
    world = a_quick_world()
    world.deadline = timedelta(hours=4)
    story = await stages.waiting(start, world)
    first = story.first_run
    while (await story.newest()).run_id == first:
        await world.tell(reports=world.news.reports + 1)
    await story.comes_to(Stage.WAITING)
    await story.fixed()
    await story.closes()
    return story
