"""What one whole incident leaves in Temporal: steps, events, bytes, and what Cloud would charge.

The path is smarthost, notice, wait, hold, release, listing, delisting, probation, close. The
numbers are those of the recorded history, so they are about the same wherever it is run.
"""

import asyncio

from benchmarks import place
from benchmarks.clientele import address, clients, incident, report, service
from benchmarks.reading import actions, script_of
from benchmarks.table import Table, row
from benchmarks.world import a_world, agents, enrol_all
from book.clientele.clients import keep
from book.intake import intake
from domain.acts import Fixed
from domain.incident import Act
from gateway.incidents import Incidents
from workers.embedded.home import temporary_folder

MOST_STEPS, MOST_EVENTS, MOST_BYTES = 30, 250, 64 * 1024

PRICE_PER_MILLION = 50.0
"""US dollars for a million actions, the first tier (https://docs.temporal.io/cloud/pricing)."""


async def measure() -> Table:
    """Tell one incident and read its history."""
    with temporary_folder() as folder:
        async with (
            a_world() as world,
            place.up(folder, world.settings()) as stack,
            agents(stack.pool),
        ):
            terms = clients(
                range(1),
                measures="hold_domain, smarthost_redirect",
                containment=True,
                deadline=4,
                reminder=1,
                probation=1,
            )
            await keep(stack.pool, terms)
            await enrol_all(stack.pool)
            await intake.accept(stack.pool, report(0))
            await world.letters.restricted(service(0))
            world.blocklist.list(address(0), "spam seen today")
            fixed = Fixed(by="client", note="a stolen mailbox, closed", answered=True)
            await Incidents(stack.client).act(incident(0), Act.FIXED, fixed)
            query = "SELECT count(*) FROM tasks WHERE kind = 'request_delisting'"
            while not await stack.pool.fetchval(query):  # noqa: ASYNC110 - another process's work
                await asyncio.sleep(0.1)
            world.blocklist.unlist(address(0))
            handle = stack.client.get_workflow_handle(incident(0))
            await handle.result()
            events = (await handle.fetch_history()).events
    billed = actions(events)
    steps = sum(part.move == "activity" for part in script_of(events))
    total = billed.total()
    return Table(
        title="history: one whole incident",
        rows=(
            row("activities", "activities", float(steps), at_most=MOST_STEPS),
            row("events", "events", float(len(events)), at_most=MOST_EVENTS),
            row("size", "bytes", float(sum(e.ByteSize() for e in events)), at_most=MOST_BYTES),
            row("billable actions", "actions", float(total)),
            row("their price", "US cents", 100 * total * PRICE_PER_MILLION / 1e6),
        ),
        notes=(
            "Actions: " + ", ".join(f"{n} {kind}" for kind, n in billed.items() if n) + ".",
            f"Price at {PRICE_PER_MILLION:.0f} US dollars a million, the list price's first tier.",
        ),
    )
