"""The five stories that the demo can tell. Each is told from outside, and checked from outside."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.acts import FalsePositive
from domain.incident import Act
from gateway.incidents import Incidents
from workers.demo.clientele import ADDRESS, MAILBOX, clientele
from workers.demo.timeline import NotSeen
from workers.demo.watch import Watch, is_listed, link_in, page_at, post
from workers.demo.world import ZONE

Story = Callable[[Watch, Incidents, str], Awaitable[None]]

_HOLD = "hold_domain, hold_server"


@dataclass(frozen=True, kw_only=True)
class Path:
    """A story, and the client's file that it needs."""

    title: str
    file: str
    tell: Story


async def fixed_in_time(watch: Watch, incidents: Incidents, gateway: str) -> None:
    """The client reads the letter and mends it before the deadline."""
    first = await watch.mail("please act by", show=24)
    watch.timeline.does("the client's client changes what was stolen; the client says: fixed")
    await post(f"{link_in(first)}/fixed", note="a stolen mailbox, closed")
    await watch.mail("back to normal")
    await watch.stage("closed")
    _expect(await watch.charges() == [], "nothing is charged")
    watch.timeline.saw("nothing is charged")


async def hold(watch: Watch, incidents: Incidents, gateway: str) -> None:
    """The deadline passes: the domain's outbound mail is held, and its inbound mail is not."""
    link = await _until_held(watch)
    await _found_on_a_blocklist(watch)
    await _said_fixed(watch, link)
    await watch.mail("back to normal", show=20)
    await _delivered_and_discarded(watch)
    await _off_the_list(watch)
    await _closed_and_charged(watch, "delisting 50.00 EUR, due")


async def smarthost(watch: Watch, incidents: Incidents, gateway: str) -> None:
    """From minute zero the mail flows through a filtering smarthost, and is billed."""
    world = watch.world
    first = await watch.mail("please act by", show=24)
    await world.spam("Offer 2")

    async def relayed() -> bool:
        return world.smarthost.relayed.total() == 1 and world.arrived("Offer 2") == 1

    await watch.until("mail flows, through the smarthost", relayed)
    await watch.mail("through a filtering smarthost")
    await _found_on_a_blocklist(watch)
    await watch.stage("restricted")
    await post(f"{link_in(first)}/fixed", note="a stolen mailbox, closed")
    await watch.mail("back to normal")
    await world.neighbour("Direct again")

    async def direct() -> bool:
        return world.arrived("Direct again") == 1 and world.smarthost.relayed.total() == 1

    await watch.until("mail leaves directly again", direct)
    await _off_the_list(watch)
    await _closed_and_charged(watch, "delisting 50.00 EUR, due", "smarthost 10.00 EUR, due")


async def relapse(watch: Watch, incidents: Incidents, gateway: str) -> None:
    """New spam in probation: the measure is back at once, in the same incident."""
    world = watch.world
    link = await _until_held(watch)
    await _said_fixed(watch, link)
    await watch.mail("back to normal")
    await _delivered_and_discarded(watch)
    await watch.stage("probation")
    watch.timeline.does("the mailbox sends spam again, and it is reported")
    await world.spam("Offer 9")
    await watch.joined(await world.report(gateway, "Offer 9"))
    await watch.mail("the measure is back", show=12)
    await world.spam("Offer 10")
    await watch.until("the new spam is held", _held(watch, 1))
    await post(f"{link}/fixed", note="closed for good", answered="yes", discard_sender=[MAILBOX])
    await watch.until("what was held is discarded", _held(watch, 0))
    await watch.stage("closed")
    _expect(world.arrived("Offer 10") == 0, "the held spam never left")


async def false_positive(watch: Watch, incidents: Incidents, gateway: str) -> None:
    """It was no spam: everything is lifted and delivered, nothing is charged, and we say sorry."""
    world = watch.world
    await _until_held(watch)
    watch.timeline.does("a person looks at it: a newsletter that people had asked for")
    await incidents.act(
        watch.incident,
        Act.FALSE_POSITIVE,
        FalsePositive(by="operator", reason="a newsletter with consent"),
    )
    await watch.mail("apologies", show=14)

    async def delivered() -> bool:
        return world.arrived("Offer 3") == world.arrived("Offer 4") == 1

    await watch.until("what was held is delivered, once each", delivered)
    await watch.stage("closed")
    _expect(all(charge.endswith("voided") for charge in await watch.charges()), "no charge stands")
    watch.timeline.saw("no charge stands")


# --- what the stories share -----------------------------------------------------------------------


async def _until_held(watch: Watch) -> str:
    """The first letter, the deadline, the hold; gives the portal's link."""
    world = watch.world
    first = await watch.mail("please act by", show=24)
    await world.spam("Offer 2")

    async def flows() -> bool:
        return world.arrived("Offer 2") == 1

    await watch.until("until the deadline, mail still leaves", flows)
    await watch.mail("Reminder")
    await watch.mail("is held in the queue")
    watch.timeline.does("the mailbox sends two more: by SMTP, and by a script on the web site")
    await world.spam("Offer 3")
    await world.spam("Offer 4", by_script=True)
    await world.neighbour("Invoice 12")
    await world.inbound("Question about an order")
    await watch.until("both are held in the queue", _held(watch, 2))

    async def others_flow() -> bool:
        inbound = [str(message["Subject"]) for message in world.host.delivered()]
        return world.arrived("Invoice 12") == 1 and "Question about an order" in inbound

    await watch.until("the neighbour's mail leaves, inbound mail still arrives", others_flow)
    _expect(world.arrived("Offer 3") == world.arrived("Offer 4") == 0, "held mail stays")
    return link_in(first)


def _held(watch: Watch, count: int) -> Callable[[], Awaitable[bool]]:
    async def held() -> bool:
        return len(await watch.world.queue_of(MAILBOX, held=True)) == count

    return held


async def _found_on_a_blocklist(watch: Watch) -> None:
    watch.world.blocklist.list(ADDRESS, "spam seen today")
    _expect(await is_listed(watch.world), "the blocklist answers")
    watch.timeline.does(f"{ADDRESS} is put on {ZONE}")


async def _said_fixed(watch: Watch, link: str) -> None:
    """The client answers in the portal: the first message is to go, the rest to be delivered."""
    await watch.stage("restricted")
    [spam, *_] = await watch.world.queue_of(MAILBOX, held=True)

    async def offered() -> bool:
        return spam in await page_at(link)

    await watch.until("the portal shows what is held", offered)
    watch.timeline.does(f"the client says in the portal: fixed, discard {spam}, deliver the rest")
    await post(f"{link}/fixed", note="closed", answered="yes", discard_message=[spam])


async def _delivered_and_discarded(watch: Watch) -> None:
    world = watch.world

    async def one_of_two() -> bool:
        arrived = world.arrived("Offer 3") + world.arrived("Offer 4")
        return arrived == 1 and not await world.queue_of(MAILBOX)

    await watch.until("the one is discarded, the other delivered, once", one_of_two)


async def _off_the_list(watch: Watch) -> None:
    await watch.stage("delisting")

    async def asked() -> bool:
        query = "SELECT count(*) FROM tasks WHERE incident = $1 AND kind = 'request_delisting'"
        return bool(await watch.pool.fetchval(query, watch.incident))

    await watch.until("the listing is found, and a person is asked to request removal", asked)
    watch.world.blocklist.unlist(ADDRESS)
    _expect(not await is_listed(watch.world), "the blocklist answers no more")
    watch.timeline.does(f"{ADDRESS} is taken off {ZONE}")


async def _closed_and_charged(watch: Watch, *charges: str) -> None:
    await watch.stage("closed")
    await watch.mail("final report", show=16)
    found = await watch.charges()
    _expect(found == list(charges), f"charged is {found}, should be {list(charges)}")
    for charge in found:
        watch.timeline.saw(f"on the ledger: {charge}")


def _expect(true: bool, what: str) -> None:
    if not true:
        raise NotSeen(what)


PATHS = {
    "hold": Path(
        title="Nobody answers in time: the domain's outbound mail is held",
        file=clientele(measures=_HOLD, containment=False, deadline=5, probation=2),
        tell=hold,
    ),
    "fixed-in-time": Path(
        title="The client mends it before the deadline",
        file=clientele(measures=_HOLD, containment=False, deadline=20, probation=2),
        tell=fixed_in_time,
    ),
    "smarthost": Path(
        title="Mail flows through a smarthost from minute zero, and is billed",
        file=clientele(
            measures="smarthost_redirect, hold_server", containment=True, deadline=14, probation=2
        ),
        tell=smarthost,
    ),
    "relapse": Path(
        title="Spam again in probation: the measure is back at once",
        file=clientele(measures=_HOLD, containment=False, deadline=5, probation=6),
        tell=relapse,
    ),
    "false-positive": Path(
        title="It was no spam: everything is set right",
        file=clientele(measures=_HOLD, containment=False, deadline=5, probation=2),
        tell=false_positive,
    ),
}
