"""Holding, releasing and redirecting, on the mail host that needs nothing installed."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from agents.holding import Holding
from agents.ledger import Ledger, LedgerUnreadable
from agents.mta.port import CannotCarryOut, MailHost
from domain.hosts import Desired, Fate, Observation
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from tests.agents.gateway import SECONDS, a_hold, lifted
from workers.demo.embedded_host import EmbeddedHost
from workers.demo.inbox import Inbox

SHOP, OTHER, FAR = "info@shop.example", "info@bakery.example", "friend@far.example"


@pytest.fixture
async def internet() -> AsyncIterator[Inbox]:
    async with Inbox("far.example") as inbox:
        yield inbox


@pytest.fixture
async def host(internet: Inbox) -> AsyncIterator[EmbeddedHost]:
    async with EmbeddedHost(next_hop=internet.address, local_domain="shop.example") as host:
        yield host


@pytest.fixture
def agent(host: EmbeddedHost, tmp_path: Path) -> MailHost:
    return host.mail_host(tmp_path)


def a_message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message.set_content("Hello.")
    return message


def a_server_hold() -> Desired:
    restriction = Restriction(measure=Measure.HOLD_SERVER, scope=Scope.SERVER, targets=("mx",))
    return replace(a_hold("server"), restriction=restriction)


def a_redirect(through: str) -> Desired:
    restriction = Restriction(
        measure=Measure.SMARTHOST_REDIRECT, scope=Scope.DOMAIN, targets=("shop.example",)
    )
    return replace(a_hold("redirect"), restriction=restriction, smarthost=through)


async def observed_holding(agent: MailHost, measure: Desired, count: int) -> Observation:
    seen = await agent.observe(measure)
    async with asyncio.timeout(SECONDS):
        while sum(1 for each in seen.messages if each.fate is None) != count:
            await asyncio.sleep(0.005)
            seen = await agent.observe(measure)
    return seen


async def test_a_held_domain_stops_and_all_else_goes_on(
    host: EmbeddedHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await host.submit(SHOP, [FAR, "colleague@shop.example"], a_message("held"))
    await host.submit_locally("web@shop.example", [FAR], a_message("by a script"))
    await host.submit(FAR, [SHOP], a_message("inbound"))
    await host.submit(OTHER, [FAR], a_message("bakery"))
    await observed_holding(agent, a_hold(), 2)
    await internet.wait_for(lambda each: each.subject == "bakery")
    assert internet.subjects() == ["bakery"]
    assert {each["Subject"] for each in host.delivered()} == {"held", "inbound"}
    assert {(each["sender"], each["queue_name"]) for each in await host.queue()} == {
        (SHOP, "hold"), ("web@shop.example", "hold"),
    }  # fmt: skip


async def test_a_lift_discards_keeps_and_delivers_the_rest_once(
    host: EmbeddedHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    for who in ("spam", "doubt", "good"):
        await host.submit(f"{who}@shop.example", [FAR], a_message(who))
    await observed_holding(agent, a_hold(), 3)
    end = replace(
        lifted(a_hold()), discard_senders=("spam@shop.example",),
        keep_senders=("spam@shop.example", "doubt@shop.example"),
    )  # fmt: skip
    seen = await agent.lift(end)
    assert {each.sender.partition("@")[0]: each.fate for each in seen.messages} == {
        "spam": Fate.DISCARDED, "doubt": Fate.KEPT, "good": Fate.DELIVERED,
    }  # fmt: skip
    assert await agent.lift(end) == seen
    await internet.wait_for(lambda each: each.subject == "good")
    assert internet.subjects() == ["good"]
    held = [each["sender"] for each in await host.queue() if each["queue_name"] == "hold"]
    assert held == ["doubt@shop.example"]


async def test_a_lift_cut_off_after_its_decision_is_carried_out_by_the_next(
    host: EmbeddedHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_hold())
    for who in ("spam", "good"):
        await host.submit(f"{who}@shop.example", [FAR], a_message(who))
    await observed_holding(agent, a_hold(), 2)
    end = replace(lifted(a_hold()), discard_senders=("spam@shop.example",))
    queue = agent._server  # type: ignore[attr-defined]

    async def cut_off(queue_ids: object) -> None:
        raise OSError("power failure")

    queue.discard = cut_off
    with pytest.raises(OSError, match="power failure"):
        await agent.lift(end)
    assert len(await host.queue()) == 2
    seen = await host.mail_host(tmp_path).lift(end)
    assert sorted(each.fate for each in seen.messages if each.fate) == ["delivered", "discarded"]
    await internet.wait_for(lambda each: each.subject == "good")
    assert [each for each in await host.queue() if each["queue_name"] == "hold"] == []


async def test_escalating_to_the_whole_server_hands_the_held_mail_over(
    host: EmbeddedHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await host.submit(SHOP, [FAR], a_message("held twice"))
    await observed_holding(agent, a_hold(), 1)
    assert len((await agent.apply(a_server_hold())).messages) == 1
    first = await agent.lift(lifted(a_hold()))
    assert [each.fate for each in first.messages] == [Fate.KEPT]
    assert internet.messages == []
    second = await agent.lift(lifted(a_server_hold()))
    assert [each.fate for each in second.messages] == [Fate.DELIVERED]
    await internet.wait_for(lambda each: each.subject == "held twice")


async def test_what_one_incident_keeps_another_ones_end_does_not_deliver(
    host: EmbeddedHost, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await host.submit(SHOP, [FAR], a_message("doubt"))
    await observed_holding(agent, a_hold(), 1)
    await agent.apply(a_server_hold())
    await agent.lift(replace(lifted(a_hold()), keep_senders=(SHOP,)))
    seen = await agent.lift(lifted(a_server_hold()))
    assert [each.fate for each in seen.messages] == [Fate.KEPT]
    assert [each["queue_name"] for each in await host.queue()] == ["hold"]


async def test_a_measure_restored_after_its_lift_holds_again_what_it_had_kept(
    host: EmbeddedHost, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await host.submit(SHOP, [FAR], a_message("doubt"))
    await observed_holding(agent, a_hold(), 1)
    await agent.lift(replace(lifted(a_hold()), keep_senders=(SHOP,)))
    seen = await agent.apply(a_hold())
    assert [each.fate for each in seen.messages] == [None]


async def test_a_redirect_is_counted_by_message_and_gives_way_to_a_hold(
    host: EmbeddedHost, internet: Inbox, agent: MailHost
) -> None:
    async with Inbox("smarthost.example") as smarthost:
        redirect = a_redirect(smarthost.address)
        await agent.apply(redirect)
        await host.submit(SHOP, [FAR, "second@far.example"], a_message("redirected"))
        await smarthost.wait_for(lambda each: each.subject == "redirected")
        await agent.apply(a_hold())
        await host.submit(SHOP, [FAR], a_message("held"))
        await observed_holding(agent, a_hold(), 1)
        await agent.lift(lifted(a_hold()))
        await smarthost.wait_for(lambda each: each.subject == "held")
        seen = await agent.lift(lifted(redirect))
        assert (seen.observed, seen.relayed) == (Observed.LIFTED, 2)
        await host.submit(SHOP, [FAR], a_message("direct"))
        await internet.wait_for(lambda each: each.subject == "direct")
        assert internet.subjects() == ["direct"]


async def test_a_smarthost_that_is_none_spoils_no_other_measure(
    host: EmbeddedHost, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    with pytest.raises(CannotCarryOut, match="expected host:port"):
        await agent.apply(a_redirect("nowhere"))
    assert (await agent.observe(a_hold())).observed is Observed.APPLIED


async def test_lifting_what_was_never_in_force_is_done_at_once(agent: MailHost) -> None:
    seen = await agent.lift(lifted(a_hold()))
    assert (seen.observed, seen.detail) == (Observed.LIFTED, "it was never in force")


def test_a_ledger_that_cannot_be_read_stops_the_agent(tmp_path: Path) -> None:
    (tmp_path / "held.json").write_text(json.dumps({"entries": [{}]}))
    with pytest.raises(LedgerUnreadable, match="mend it or restore it"):
        Holding(_Nothing(), tmp_path)  # type: ignore[arg-type]


def test_the_ledger_forgets_what_is_long_over_and_nothing_else(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "held.json")
    over = ledger.opened(lifted(a_hold("over")))
    long_ago = over.asked_at.replace(year=over.asked_at.year - 1)
    ledger.put(replace(over, asked_at=long_ago, done=True))
    ledger.put(replace(ledger.opened(a_hold("in force")), asked_at=long_ago))
    ledger.put(replace(ledger.opened(lifted(a_hold("unfinished"))), asked_at=long_ago))
    ledger.opened(a_hold("new"))
    assert set(Ledger(tmp_path / "held.json").entries) == {"in force", "unfinished", "new"}


class _Nothing:
    name = "nothing"


async def test_without_room_on_the_disk_a_new_hold_holds_and_its_mail_is_listed_later(
    host: EmbeddedHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_hold())
    in_the_way = tmp_path / ".held.json.new"
    in_the_way.mkdir()
    seen = await agent.apply(a_server_hold())
    assert (seen.observed, "nothing can be written down" in seen.detail) == (Observed.APPLIED, True)
    await host.submit(OTHER, [FAR], a_message("held"))
    again = await agent.observe(a_hold())
    assert again.observed is Observed.APPLIED
    in_the_way.rmdir()
    await observed_holding(agent, a_server_hold(), 1)
    assert internet.messages == []
    assert (await host.mail_host(tmp_path).observe(a_server_hold())).messages != ()
