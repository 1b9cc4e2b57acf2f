"""Accounts held, suspended and restored, and nothing that is smaller than one."""

import pytest

from agents.mta.port import MailHost
from domain.news import Observed
from tests.agents.cpanel.measures import FAR, a_hold, a_suspension
from tests.agents.gateway import lifted
from tests.agents.whm import MailRefused, StandIn


async def test_a_held_domain_holds_its_account_and_no_other(whm: StandIn, host: MailHost) -> None:
    seen = await host.apply(a_hold())
    assert seen.observed is Observed.APPLIED
    whm.send("info@shop.example", FAR)
    inside = whm.send("info@shop.example", "colleague@shop.example")
    bakery = whm.send("info@bakery.example", FAR)
    seen = await host.observe(a_hold())
    assert [(each.sender, each.fate) for each in seen.messages] == [("info@shop.example", None)]
    assert whm.delivered == [inside, bakery]


async def test_the_accounts_other_domains_are_named(whm: StandIn, host: MailHost) -> None:
    seen = await host.apply(a_hold())
    assert "account shop is on hold, and with it blog.example, other.example" in seen.detail
    assert seen.also == ("blog.example", "other.example")


async def test_hundreds_of_other_domains_are_named_in_few_words(
    whm: StandIn, host: MailHost
) -> None:
    whm.accounts["shop"].domains += [f"site-{n}.example" for n in range(300)]
    seen = await host.apply(a_hold())
    assert "and 292 more" in seen.detail
    assert len(seen.detail) < 500
    assert len(seen.also) == 302


async def test_asked_twice_nothing_is_done_twice(whm: StandIn, host: MailHost) -> None:
    first = await host.apply(a_hold())
    assert await host.apply(a_hold()) == first
    assert whm.changes() == [("hold_outgoing_email", "shop")]
    first = await host.lift(lifted(a_hold()))
    assert await host.lift(lifted(a_hold())) == first
    assert whm.changes()[1:] == [("release_outgoing_email", "shop")]


async def test_what_somebody_released_by_hand_is_held_again(whm: StandIn, host: MailHost) -> None:
    await host.apply(a_hold())
    whm.accounts["shop"].held = 0
    assert (await host.observe(a_hold())).observed is Observed.APPLIED
    assert whm.accounts["shop"].held


async def test_a_domain_that_moved_takes_its_new_account_with_it(
    whm: StandIn, host: MailHost
) -> None:
    await host.apply(a_hold())
    whm.accounts["shop"].domains.remove("shop.example")
    whm.accounts["bakery"].domains.append("shop.example")
    await host.observe(a_hold())
    assert whm.accounts["bakery"].held
    await host.lift(lifted(a_hold()))
    assert not whm.accounts["bakery"].held
    assert not whm.accounts["shop"].held


async def test_a_direct_account_is_suspended_and_restored(whm: StandIn, host: MailHost) -> None:
    seen = await host.apply(a_suspension())
    assert seen.observed is Observed.APPLIED
    assert "outgoing mail of account shop is refused" in seen.detail
    with pytest.raises(MailRefused):
        whm.send("info@shop.example", FAR)
    whm.send("info@bakery.example", FAR)
    assert (await host.lift(lifted(a_suspension()))).observed is Observed.LIFTED
    whm.send("info@shop.example", FAR)
    assert whm.changes() == [
        ("suspend_outgoing_email", "shop"), ("unsuspend_outgoing_email", "shop"),
    ]  # fmt: skip


async def test_a_suspension_by_hand_outlives_the_measure(whm: StandIn, host: MailHost) -> None:
    whm.accounts["shop"].suspended = 1
    await host.apply(a_suspension())
    await host.lift(lifted(a_suspension()))
    assert whm.accounts["shop"].suspended


async def test_a_hold_and_a_suspension_do_not_end_each_other(whm: StandIn, host: MailHost) -> None:
    await host.apply(a_hold())
    await host.apply(a_suspension())
    await host.lift(lifted(a_hold()))
    assert (whm.accounts["shop"].held, whm.accounts["shop"].suspended > 0) == (0, True)
