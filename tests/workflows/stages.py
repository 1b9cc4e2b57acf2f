"""An incident brought to a stage: the beginning of most tests."""

from domain.incident import Stage
from tests.workflows.incident import Incident, Start
from tests.workflows.world import Gate, World, a_plan, a_world, until


async def waiting(start: Start, world: World | None = None) -> Incident:
    """The client has been told of a deadline, four hours away, and a rate limit holds."""
    story = await start(world or a_world())
    await story.comes_to(Stage.WAITING)
    return story


async def restricted(start: Start, world: World | None = None) -> Incident:
    """A first incident whose deadline has passed."""
    story = await waiting(start, world)
    await story.passes(hours=4, seconds=30)
    await story.comes_to(Stage.RESTRICTED)
    await until(lambda: story.world.steps[-1] in ("send_notice", "ask_person"))
    return story


async def verifying(start: Start, world: World | None = None) -> Incident:
    """Under a restriction, and said to be fixed."""
    story = await restricted(start, world)
    await story.fixed()
    await story.comes_to(Stage.VERIFYING)
    return story


async def delisting(start: Start, world: World | None = None) -> Incident:
    """Lifted, and still on a list that it came on before."""
    story = await restricted(start, world)
    story.world.listed = ("192.0.2.7 zen.example",)
    await story.fixed()
    await story.passes(minutes=16)
    await story.comes_to(Stage.DELISTING)
    await until(lambda: story.world.steps[-1] == "request_delisting")
    return story


async def probation(start: Start, world: World | None = None) -> Incident:
    """Lifted, and on no list."""
    story = await restricted(start, world)
    await story.fixed()
    await story.passes(minutes=16)
    await story.comes_to(Stage.PROBATION)
    return story


async def held_up(start: Start, step: str, world: World | None = None) -> tuple[Incident, Gate]:
    """In the middle of its first step of a name."""
    gate = Gate()
    world = world or a_world(plan=a_plan(call=True))
    world.during[step] = gate
    story = await start(world)
    await gate.reached.wait()
    return story, gate
