"""Whole incidents from report to close: those that are measured, and those that are recorded."""

from datetime import timedelta

from domain.acts import Contest, Dispute, KeptMail
from domain.incident import Act, Outcome, Stage
from domain.ladder import Condition, Rung, Term
from domain.letters.notices import Notice
from domain.news import Observed, Sighting
from domain.steps import NearCap
from tests.workflows import stages
from tests.workflows.incident import Incident, Start
from tests.workflows.world import BLOCK, HOLD, LISTED, SMARTHOST, World, a_plan, a_world, until

CLIENT = "client aurora"


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
    await until(lambda: world.steps[-1] == "request_delisting")
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


async def contested(start: Start) -> Incident:
    """Said to be wrong, released with mail that stays held, decided on, and a charge disputed."""
    story = await stages.waiting(start)
    await story.act(Act.CONTEST, Contest(by=CLIENT, reason="that address is not ours"))
    await story.passes(hours=4, minutes=1)
    await until(lambda: story.world.letters[-1] is Notice.RESTRICTED)
    await story.fixed()
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    [lifted] = story.world.of("lift_measures")
    await story.world.see(lifted.keys[0], Sighting(observed=Observed.LIFTED, kept=2))
    await story.rests()
    await story.act(Act.KEPT_MAIL, KeptMail(by=CLIENT, discard_senders=("info@shop.example",)))
    charge = f"{story.handle.id}/delisting/1"
    await story.act(Act.DISPUTE, Dispute(by=CLIENT, charge=charge, reason="not ours"))
    await story.closes()
    return story


async def removal(start: Start) -> Incident:
    """A list that takes requests, and takes no notice of one; then a person asks it."""
    story = await stages.delisting(start, a_world(takers={"zen.example"}))
    await until(lambda: len(story.world.removals) == 1)
    await story.passes(days=15)
    await until(lambda: len(story.world.removals) == 2)
    story.world.listed = ()
    await story.closes()
    return story


async def widened(start: Start) -> Incident:
    """The mail goes elsewhere, and the measure after it; then it comes near a cap."""
    cap = NearCap(incident="incident-widened-1", key="cap/1", detail="40.00 EUR of 50.00 EUR")
    story = await stages.restricted(start, a_world(near=(cap,)))
    await story.world.tell(domains=("another.example", *HOLD.targets))
    both = HOLD.on((), ("another.example",))
    await until(lambda: bool(story.world.decided(f"{both} is in force")))
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
