"""The measures on a real Postfix: what stops, what goes on, and what is delivered afterwards."""

from dataclasses import replace
from pathlib import Path

import pytest

from agents.mta.port import CannotCarryOut, MailHost
from agents.mta.postfix.commands import PostfixFailed
from agents.mta.postfix.resolver import SETTING
from domain.hosts import Fate
from domain.measures import Scope
from domain.news import Observed
from tests.agents.gateway import lifted
from tests.real.postfix import (
    FAR,
    OTHER,
    SECONDS,
    SHOP,
    SLOW,
    a_hold,
    a_message,
    a_redirect,
    a_server_hold,
    deferred,
    idle,
    names_in,
    observed_holding,
    setup,
)  # fmt: skip
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost

pytestmark = pytest.mark.real

PASSING = "passing@elsewhere.example"


async def test_a_held_domains_mail_stays_by_smtp_and_by_sendmail(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    seen = await agent.apply(a_hold())
    assert seen.observed is Observed.APPLIED
    await postfix.submit(SHOP, [FAR, "second@far.example"], a_message("by smtp"))
    await postfix.submit_locally("web@shop.example", [FAR], a_message("by a script"))
    seen = await observed_holding(agent, a_hold(), 2)
    assert {(each.sender, each.recipients) for each in seen.messages} == {
        (SHOP, 2), ("web@shop.example", 1),
    }  # fmt: skip
    assert all(each.bytes > 0 for each in seen.messages)
    assert await names_in(postfix) == {SHOP: "hold", "web@shop.example": "hold"}
    assert internet.messages == []


async def test_mail_that_waited_in_the_queue_already_is_held(
    postfix: PostfixHost, agent: MailHost
) -> None:
    await setup(postfix, "defer_transports = smtp", *SLOW)
    await postfix.submit(SHOP, [FAR], a_message("backlog"))
    await deferred(postfix)
    seen = await agent.apply(a_hold())
    assert [each.sender for each in seen.messages] == [SHOP]
    assert await names_in(postfix) == {SHOP: "hold"}


async def test_inbound_and_other_domains_go_on(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await postfix.submit(FAR, [SHOP], a_message("inbound"))
    await postfix.submit(SHOP, ["colleague@shop.example"], a_message("internal"))
    await postfix.submit(OTHER, [FAR], a_message("bakery"))
    await postfix.submit("x@sub.shop.example", [FAR], a_message("another domain"))
    await idle(postfix)
    assert {each["Subject"] for each in postfix.delivered()} == {"inbound", "internal"}
    assert sorted(internet.subjects()) == ["another domain", "bakery"]
    assert (await agent.observe(a_hold())).messages == ()


async def test_local_mail_that_waits_for_its_own_reasons_is_not_held(
    postfix: PostfixHost, agent: MailHost
) -> None:
    await setup(postfix, "defer_transports = virtual")
    await agent.apply(a_hold())
    await postfix.submit(SHOP, ["colleague@shop.example"], a_message("internal"))
    await deferred(postfix)
    assert (await agent.observe(a_hold())).messages == ()


async def test_a_held_server_lets_nothing_out_but_takes_everything_in(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_server_hold())
    await postfix.submit(OTHER, [FAR], a_message("bakery"))
    await postfix.submit("", [FAR], a_message("a bounce"))
    await postfix.submit(PASSING, [SHOP], a_message("inbound"))
    seen = await observed_holding(agent, a_server_hold(), 2)
    assert {each.sender for each in seen.messages} == {OTHER, "MAILER-DAEMON"}
    assert [each["Subject"] for each in postfix.delivered()] == ["inbound"]
    assert internet.messages == []


async def test_a_lift_discards_keeps_and_delivers_the_rest_once(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    for who in ("spam", "one", "doubt", "good", "better"):
        await postfix.submit(f"{who}@shop.example", [FAR], a_message(who))
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
    await idle(postfix)
    assert sorted(internet.subjects()) == ["better", "good"]
    assert await names_in(postfix) == {"doubt@shop.example": "hold"}


async def test_kept_mail_is_released_when_somebody_answers_for_it(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("doubt"))
    await observed_holding(agent, a_hold(), 1)
    kept = await agent.lift(lifted(a_hold(), keep_senders=("@shop.example",)))
    assert [each.fate for each in kept.messages] == [Fate.KEPT]
    seen = await agent.lift(lifted(a_hold()))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED]
    await internet.wait_for(lambda each: each.subject == "doubt", SECONDS)


async def test_released_mail_leaves_at_once_whatever_the_queue_run_is(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await setup(postfix, *SLOW)
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("held"))
    await observed_holding(agent, a_hold(), 1)
    await agent.lift(lifted(a_hold()))
    await internet.wait_for(lambda each: each.subject == "held", SECONDS)


async def test_what_an_administrator_holds_stays_on_hold(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await setup(postfix, "defer_transports = smtp")
    await postfix.submit("admin@shop.example", [FAR], a_message("the administrator's"))
    (theirs,) = await postfix.queue()
    await postfix.command("postsuper", "-h", theirs["queue_id"])
    await postfix.command("postconf", "-X", "defer_transports")
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("ours"))
    await observed_holding(agent, a_hold(), 1)
    await agent.lift(lifted(a_hold(), discard_messages=(theirs["queue_id"],)))
    await idle(postfix)
    assert internet.subjects() == ["ours"]
    assert await names_in(postfix) == {"admin@shop.example": "hold"}


async def test_applied_twice_it_changes_nothing(postfix: PostfixHost, agent: MailHost) -> None:
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("held"))
    seen = await observed_holding(agent, a_hold(), 1)
    main, log = (postfix.config_dir / "main.cf").read_text(), postfix.log.read_text()
    assert await agent.apply(a_hold()) == seen
    assert (postfix.config_dir / "main.cf").read_text() == main
    assert postfix.log.read_text().count("reload --") == log.count("reload --")


async def test_a_hold_survives_a_restart_of_postfix_and_of_the_agent(
    postfix: PostfixHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("before"))
    await observed_holding(agent, a_hold(), 1)
    await postfix.stop()
    with pytest.raises(PostfixFailed, match="not running"):
        await postfix.mail_host(tmp_path).apply(a_hold())
    await postfix.start()
    await postfix.submit(SHOP, [FAR], a_message("after"))
    again = postfix.mail_host(tmp_path)
    await again.apply(a_hold())
    await observed_holding(again, a_hold(), 2)
    assert internet.messages == []
    await postfix.stop()
    with pytest.raises(PostfixFailed, match="not running"):
        await again.lift(lifted(a_hold()))
    await postfix.start()
    seen = await postfix.mail_host(tmp_path).lift(lifted(a_hold()))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED, Fate.DELIVERED]
    await idle(postfix)
    assert sorted(internet.subjects()) == ["after", "before"]


async def test_what_somebody_took_out_comes_back_and_theirs_keeps_working(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    async with Inbox() as own_route:
        host, port = own_route.address.split(":")
        table = postfix.config_dir / "administrators"
        table.write_text(f"/@bakery[.]example$/ smtp:[{host}]:{port}\n")
        await setup(postfix, f"{SETTING} = regexp:{table}")
        await agent.apply(a_hold())
        await postfix.command("postconf", "-PX", "qmgr/unix/rewrite_service_name")
        (postfix.config_dir / "plazo-held.regexp").unlink()
        await agent.observe(a_hold())
        await postfix.submit(SHOP, [FAR], a_message("held"))
        await postfix.submit(OTHER, [FAR], a_message("bakery"))
        await observed_holding(agent, a_hold(), 1)
        await own_route.wait_for(lambda each: each.subject == "bakery", SECONDS)
        assert internet.messages == []


async def test_nothing_is_left_of_us_when_the_last_measure_is_lifted(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    entries = await postfix.command("postconf", "-M")
    files = {each.name for each in postfix.config_dir.iterdir()}
    main = (postfix.config_dir / "main.cf").read_text()
    await agent.apply(a_hold())
    await agent.apply(a_server_hold())
    await agent.lift(lifted(a_hold()))
    await agent.lift(lifted(a_server_hold()))
    assert await postfix.command("postconf", "-M") == entries
    assert {each.name for each in postfix.config_dir.iterdir()} == files
    assert (postfix.config_dir / "main.cf").read_text() == main
    await postfix.submit(SHOP, [FAR], a_message("free"))
    await internet.wait_for(lambda each: each.subject == "free", SECONDS)


async def test_a_message_that_two_holds_concern_stays_until_both_are_lifted(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("held twice"))
    await observed_holding(agent, a_hold(), 1)
    await agent.apply(a_server_hold())
    seen = await agent.lift(lifted(a_hold()))
    assert [each.fate for each in seen.messages] == [Fate.KEPT]
    assert await names_in(postfix) == {SHOP: "hold"}
    seen = await agent.lift(lifted(a_server_hold()))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED]
    await internet.wait_for(lambda each: each.subject == "held twice", SECONDS)
    seen = await agent.lift(lifted(a_hold()))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED]
    assert len(internet.messages) == 1


async def test_a_redirect_goes_through_the_smarthost_is_counted_and_ends(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    async with Inbox("smarthost.example") as smarthost:
        redirect = a_redirect(smarthost.address)
        await agent.apply(redirect)
        await postfix.submit(SHOP, [FAR, "second@elsewhere.example"], a_message("two recipients"))
        await postfix.submit(SHOP, ["colleague@shop.example"], a_message("internal"))
        await postfix.submit(OTHER, [FAR], a_message("bakery"))
        await smarthost.wait_for(lambda each: each.subject == "two recipients", SECONDS)
        await internet.wait_for(lambda each: each.subject == "bakery", SECONDS)
        await idle(postfix)
        assert (await agent.observe(redirect)).relayed == 1
        assert (await agent.lift(lifted(redirect))).relayed == 1
        await postfix.submit(SHOP, [FAR], a_message("direct again"))
        await internet.wait_for(lambda each: each.subject == "direct again", SECONDS)
        assert (await agent.lift(lifted(redirect))).relayed == 1
        assert {each.subject for each in smarthost.messages} == {"two recipients"}


async def test_relayed_survives_a_restart_of_the_agent_and_a_rotated_log(
    postfix: PostfixHost, agent: MailHost, tmp_path: Path
) -> None:
    async with Inbox("smarthost.example") as smarthost:
        redirect = a_redirect(smarthost.address, Scope.SERVER)
        await agent.apply(redirect)
        for number in range(3):
            await postfix.submit(OTHER, [FAR], a_message(f"early {number}"))
        await smarthost.wait_for(lambda each: each.subject == "early 2", SECONDS)
        await idle(postfix)
        assert (await agent.observe(redirect)).relayed == 3
        await postfix.submit(OTHER, [FAR], a_message("between"))
        await smarthost.wait_for(lambda each: each.subject == "between", SECONDS)
        await idle(postfix)
        postfix.log.rename(postfix.log.with_name("mail.log.1"))
        await postfix.command("postfix", "reload")
        await postfix.submit(OTHER, [FAR], a_message("late"))
        await smarthost.wait_for(lambda each: each.subject == "late", SECONDS)
        await idle(postfix)
        again = postfix.mail_host(tmp_path)
        assert (await again.apply(redirect)).relayed == 5


async def test_a_held_domain_stays_held_while_its_server_is_redirected(
    postfix: PostfixHost, agent: MailHost
) -> None:
    async with Inbox("smarthost.example") as smarthost:
        await agent.apply(a_redirect(smarthost.address, Scope.SERVER))
        await agent.apply(a_hold())
        await postfix.submit(SHOP, [FAR], a_message("held"))
        await postfix.submit(OTHER, [FAR], a_message("redirected"))
        await observed_holding(agent, a_hold(), 1)
        await smarthost.wait_for(lambda each: each.subject == "redirected", SECONDS)
        assert smarthost.subjects() == ["redirected"]


@pytest.mark.parametrize("target", ["shop.example$/|/^", "*", "tienda.españa"])
async def test_a_target_that_is_no_domain_is_refused_and_spoils_nothing(
    postfix: PostfixHost, agent: MailHost, target: str
) -> None:
    await agent.apply(a_hold())
    with pytest.raises(CannotCarryOut, match="no domain name"):
        await agent.apply(replace(a_hold(target), key="hostile"))
    await postfix.submit(SHOP, [FAR], a_message("held"))
    await observed_holding(agent, a_hold(), 1)


async def test_mail_that_somebody_deletes_on_the_host_is_reported_as_discarded(
    postfix: PostfixHost, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("deleted"))
    (held,) = (await observed_holding(agent, a_hold(), 1)).messages
    await postfix.command("postsuper", "-d", held.queue_id)
    assert [each.fate for each in (await agent.observe(a_hold())).messages] == [Fate.DISCARDED]


async def test_a_hold_reaches_destinations_that_an_administrator_routed(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    route = "smtp:[" + internet.address.replace(":", "]:")
    await setup(
        postfix,
        f"transport_maps = inline:{{ {{far.example = {route}}} {{shop.example = virtual}} }}",
    )
    await agent.apply(a_hold())
    await postfix.submit(SHOP, [FAR, "colleague@shop.example"], a_message("by smtp"))
    await postfix.submit_locally(SHOP, [FAR], a_message("by a script"))
    await postfix.submit(OTHER, [FAR], a_message("bakery"))
    seen = await observed_holding(agent, a_hold(), 2)
    assert "transport_maps" not in seen.detail
    assert internet.subjects() == ["bakery"]
    assert [each["Subject"] for each in postfix.delivered()] == ["by smtp"]
