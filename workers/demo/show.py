"""The demo: one path of the story on the real stack, in a home of its own that is gone after it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from agents.host import HostAgent, Rhythm
from agents.link import Link
from book.clientele import clients
from book.database import transaction
from book.incident import measures
from domain.clientele.file import read_clientele
from gateway.incidents import Incidents
from workers import stack
from workers.demo.clientele import HOST, INCIDENT
from workers.demo.paths import PATHS
from workers.demo.timeline import NotSeen, Timeline
from workers.demo.watch import Watch, told
from workers.demo.world import World, a_world, agent_state
from workers.embedded.home import Home, temporary_folder
from workers.stack import Stack

_RHYTHM = Rhythm(wait=20, observe=0.4, repeat=60.0, first_retry=0.5, longest_retry=2.0)


async def perform(path: str, stopping: asyncio.Event, *, keep: bool) -> bool:
    """Tell one path; whether every effect was seen from outside. `keep` stays up until told."""
    story, timeline = PATHS[path], Timeline()
    timeline.title(f"plazo demo --path {path}: {story.title}")
    async with set_up(story.file, timeline) as (running, world):
        seen = await _tell(path, running, world, timeline)
        if keep:
            timeline.title("Staying up; Ctrl-C ends it.")
            timeline.plain(f"Incident   {running.ui}/namespaces/default/workflows/{INCIDENT}")
            timeline.plain(f"Console    {running.gateway}/   user {stack.FIRST_USER}, secret:")
            timeline.plain(f"           {running.home.secret(stack.FIRST_USER)}")
            await stack.stay_up(running, stopping)
        return seen


@asynccontextmanager
async def set_up(file: str, timeline: Timeline) -> AsyncIterator[tuple[Stack, World]]:
    """A stack in a home of its own, the world around it, and an agent on the mail host.

    `file` has the clientele, as `plazo import` reads it.
    """
    async with AsyncExitStack() as everything:
        folder = everything.enter_context(temporary_folder())
        home = Home.at(folder / "home")
        everything.enter_context(home.claim())
        world = await everything.enter_async_context(a_world(timeline.plain))
        timeline.plain("Starting Temporal and PostgreSQL.")
        running = await everything.enter_async_context(stack.up(home, world.settings()))
        timeline.plain(f"Temporal UI {running.ui}   gateway {running.gateway}\n")
        await clients.keep(running.pool, read_clientele(file))
        await everything.enter_async_context(_agent(running, world))
        yield running, world


async def _tell(path: str, running: Stack, world: World, timeline: Timeline) -> bool:
    watch = Watch(world=world, pool=running.pool, timeline=timeline, incident=INCIDENT)

    async def left() -> bool:
        return world.arrived("Offer 1") == 1

    try:
        await world.spam("Offer 1")
        await watch.until("spam leaves the server", left)
        timeline.begin()
        timeline.does("a mailbox provider reports it: ARF over the signed webhook")
        report = await world.report(running.gateway, "Offer 1")
        timeline.saw(f"accepted as {report}")
        await watch.joined(report)
        async with told(running.pool, INCIDENT, timeline):
            await PATHS[path].tell(watch, Incidents(running.client), running.gateway)
        entries = await watch.chain_is_whole()
    except (NotSeen, TimeoutError) as error:
        timeline.title(f"Failed: {error}")
        return False
    timeline.saw(f"the audit chain is whole: {entries} entries")
    timeline.title(f"Closed. {timeline.seen} effects were seen from outside.")
    return True


@asynccontextmanager
async def _agent(running: Stack, world: World) -> AsyncIterator[None]:
    """The host's agent, with its own key and nothing else, speaking HTTP to the gateway."""
    async with transaction(running.pool) as connection:
        key = await measures.enrol(connection, HOST)
    state = agent_state(running.home.path)
    stopping = asyncio.Event()
    async with Link(running.gateway, key) as link:
        agent = HostAgent(link, world.host.mail_host(state), state, _RHYTHM)
        task = asyncio.create_task(agent.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await task
