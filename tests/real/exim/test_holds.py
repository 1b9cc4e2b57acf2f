"""Holds on a real Exim: what stops, what goes on, and what is delivered afterwards."""

from pathlib import Path

import pytest

from agents.mta.port import MailHost
from domain.hosts import Fate
from domain.news import Observed
from tests.agents.gateway import lifted
from tests.real.exim.host import EximHost
from tests.real.exim.measures import (
    FAR,
    OTHER,
    PASSING,
    SECONDS,
    SHOP,
    a_hold,
    a_message,
    a_server_hold,
    held,
    idle,
    logged,
    observed_holding,
    waiting,
)
from workers.demo.inbox import Inbox

pytestmark = pytest.mark.real


async def test_a_held_domains_mail_stays_by_smtp_and_by_sendmail(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    seen = await agent.apply(a_hold())
    assert seen.observed is Observed.APPLIED
    await exim.submit(SHOP, [FAR, "second@far.example"], a_message("by smtp"))
    await exim.submit_locally("web@shop.example", [FAR], a_message("by a script"))
    seen = await observed_holding(agent, a_hold(), 2)
    assert {(each.sender, each.recipients) for each in seen.messages} == {
        (SHOP, 2), ("web@shop.example", 1),
    }  # fmt: skip
    assert all(each.bytes > 100 for each in seen.messages)
    assert await held(exim) == [f"<{SHOP}>", "<web@shop.example>"]
    assert internet.messages == []


async def test_mail_that_waited_in_the_queue_already_is_held(
    internet: Inbox, tmp_path: Path
) -> None:
    async with EximHost(
        next_hop="127.0.0.1:9", local_domain="shop.example", queue_every="1h"
    ) as exim:
        agent = exim.mail_host(tmp_path)
        await exim.submit(SHOP, [FAR], a_message("backlog"))
        await logged(exim, "Connection refused")
        await agent.apply(a_hold())
        await observed_holding(agent, a_hold(), 1)
        assert await held(exim) == [f"<{SHOP}>"]
        assert await waiting(exim) == []


async def test_inbound_and_other_domains_go_on(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await exim.submit(FAR, [SHOP], a_message("inbound"))
    await exim.submit(SHOP, ["colleague@shop.example"], a_message("internal"))
    await exim.submit(SHOP, ["colleague@shop.example", FAR], a_message("both"))
    await exim.submit(OTHER, [FAR], a_message("bakery"))
    await exim.submit("x@sub.shop.example", [FAR], a_message("another domain"))
    (both,) = (await observed_holding(agent, a_hold(), 1)).messages
    await idle(exim)
    assert both.recipients == 1
    assert {each["Subject"] for each in exim.delivered()} == {"inbound", "internal", "both"}
    assert sorted(internet.subjects()) == ["another domain", "bakery"]


async def test_local_mail_that_waits_for_its_own_reasons_is_not_held(
    exim: EximHost, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await exim.submit(SHOP, ["full@shop.example"], a_message("internal"))

    await logged(exim, "T=test_full defer")
    assert (await agent.observe(a_hold())).messages == ()
    assert await waiting(exim) == [f"<{SHOP}>"]


async def test_a_held_server_lets_nothing_out_but_takes_everything_in(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_server_hold())
    await exim.submit(OTHER, [FAR], a_message("bakery"))
    await exim.submit("", [FAR], a_message("a bounce"))
    await exim.submit(PASSING, [SHOP], a_message("inbound"))
    seen = await observed_holding(agent, a_server_hold(), 2)
    assert {each.sender for each in seen.messages} == {OTHER, ""}
    assert [each["Subject"] for each in exim.delivered()] == ["inbound"]
    assert internet.messages == []


async def test_mail_that_a_held_server_forwards_is_held_too(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_server_hold())
    await exim.submit(PASSING, ["forward@shop.example"], a_message("forwarded"))
    await observed_holding(agent, a_server_hold(), 1)
    assert await held(exim) == [f"<{PASSING}>"]
    await agent.lift(lifted(a_server_hold()))
    await internet.wait_for(lambda each: each.subject == "forwarded", SECONDS)
    assert len(internet.messages) == 1


async def test_a_lift_discards_keeps_and_delivers_the_rest_once(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    for who in ("spam", "one", "doubt", "good", "better"):
        await exim.submit(f"{who}@shop.example", [FAR], a_message(who))
    seen = await observed_holding(agent, a_hold(), 5)
    ids = {each.sender.partition("@")[0]: each.queue_id for each in seen.messages}
    end = lifted(
        a_hold(), discard_senders=("SPAM@shop.example",), discard_messages=(ids["one"],),
        keep_senders=("doubt@shop.example",),
    )  # fmt: skip
    seen = await agent.lift(end)
    assert seen.observed is Observed.LIFTED
    fates = {each.sender.partition("@")[0]: each.fate for each in seen.messages}
    assert fates == {
        "spam": Fate.DISCARDED, "one": Fate.DISCARDED, "doubt": Fate.KEPT,
        "good": Fate.DELIVERED, "better": Fate.DELIVERED,
    }  # fmt: skip
    assert await agent.lift(end) == seen
    await idle(exim)
    assert sorted(internet.subjects()) == ["better", "good"]
    assert await held(exim) == ["<doubt@shop.example>"]
    seen = await agent.lift(lifted(a_hold()))
    await internet.wait_for(lambda each: each.subject == "doubt", SECONDS)
    assert {each.fate for each in seen.messages} == {Fate.DELIVERED, Fate.DISCARDED}


async def test_what_a_hold_stopped_after_the_last_look_is_decided_on_as_well(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    for who in ("spam", "good"):
        await exim.submit(f"{who}@shop.example", [FAR], a_message(who))
    await logged(exim, "T=plazo_hold defer", 2)
    await agent.lift(lifted(a_hold(), discard_senders=("spam@shop.example",)))
    await internet.wait_for(lambda each: each.subject == "good", SECONDS)
    await idle(exim)
    assert internet.subjects() == ["good"]


async def test_released_mail_leaves_at_once_whatever_the_queue_run_is(
    internet: Inbox, tmp_path: Path
) -> None:
    async with EximHost(
        next_hop=internet.address, local_domain="shop.example", queue_every="1h"
    ) as exim:
        agent = exim.mail_host(tmp_path)
        await agent.apply(a_hold())
        await exim.submit(SHOP, [FAR], a_message("held"))
        await observed_holding(agent, a_hold(), 1)
        await agent.lift(lifted(a_hold()))
        await internet.wait_for(lambda each: each.subject == "held", SECONDS)


async def test_what_an_administrator_froze_stays_frozen(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await exim.command("-odq", "-f", "admin@shop.example", FAR, given=b"Subject: theirs\n\n")
    (theirs,) = await exim.queue()
    await exim.command("-Mf", theirs)
    await agent.apply(a_hold())
    await exim.submit(SHOP, [FAR], a_message("ours"))
    await observed_holding(agent, a_hold(), 1)
    await agent.lift(lifted(a_hold(), discard_messages=(theirs,)))
    await internet.wait_for(lambda each: each.subject == "ours", SECONDS)
    await idle(exim)
    assert internet.subjects() == ["ours"]
    assert await waiting(exim) == ["<admin@shop.example> *** frozen ***"]


async def test_forced_deliveries_do_not_pass_a_hold(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await exim.submit(SHOP, [FAR], a_message("held"))
    (message,) = await exim.queue()
    await exim.command("-M", message)
    await exim.command("-qff")
    await observed_holding(agent, a_hold(), 1)
    await exim.command("-qff")
    assert internet.messages == []


async def test_a_hold_leaves_no_retry_data_behind(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await exim.submit(SHOP, [FAR], a_message("held"))
    await logged(exim, "T=plazo_hold defer")
    assert not (exim.home / "spool" / "db" / "retry").exists()
