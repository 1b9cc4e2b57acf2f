"""A held account is let go when nothing is delivered that must not be."""

import pytest

from agents.mta.port import MailHost
from domain.hosts import Fate
from domain.news import Observed
from tests.agents.cpanel.measures import FAR, a_hold
from tests.agents.gateway import lifted
from tests.agents.whm import StandIn


async def test_a_lift_delivers_what_was_held_once(whm: StandIn, host: MailHost) -> None:
    await host.apply(a_hold())
    ids = [whm.send(f"{who}@shop.example", FAR) for who in ("one", "two")]
    seen = await host.lift(lifted(a_hold()))
    assert seen.observed is Observed.LIFTED
    assert {each.queue_id: each.fate for each in seen.messages} == dict.fromkeys(
        ids, Fate.DELIVERED
    )
    assert whm.delivered == ids
    assert whm.accounts["shop"].held == 0


@pytest.mark.parametrize("what", ["discard_senders", "keep_senders"])
async def test_nothing_is_delivered_blindly_and_the_rest_goes_by_itself(
    whm: StandIn, host: MailHost, what: str
) -> None:
    await host.apply(a_hold())
    spam, good = whm.send("spam@shop.example", FAR), whm.send("good@shop.example", FAR)
    end = lifted(a_hold(), **{what: ("spam@shop.example",)})
    for _ in range(2):
        seen = await host.lift(end)
        assert seen.observed is Observed.FAILED
        assert f"exim -Mrm), and it is released by itself: messages to be {what[:4]}" in (
            seen.detail.replace("kept", "keep").replace("discarded", "disc")
        )
        assert spam in seen.detail
        assert good not in seen.detail
        assert whm.delivered == []
    whm.delete(spam)
    seen = await host.lift(end)
    assert seen.observed is Observed.LIFTED
    assert {each.queue_id: each.fate for each in seen.messages} == {
        spam: Fate.DISCARDED, good: Fate.DELIVERED,
    }  # fmt: skip
    assert whm.delivered == [good]


async def test_a_message_to_discard_is_found_by_its_queue_id(whm: StandIn, host: MailHost) -> None:
    await host.apply(a_hold())
    spam = whm.send("info@shop.example", FAR)
    seen = await host.lift(lifted(a_hold(), discard_messages=(spam,)))
    assert (seen.observed, whm.delivered) == (Observed.FAILED, [])


async def test_a_client_who_answers_after_all_gets_the_mail_delivered(
    whm: StandIn, host: MailHost
) -> None:
    await host.apply(a_hold())
    mail = whm.send("doubt@shop.example", FAR)
    await host.lift(lifted(a_hold(), keep_senders=("@shop.example",)))
    assert whm.delivered == []
    assert (await host.lift(lifted(a_hold()))).observed is Observed.LIFTED
    assert whm.delivered == [mail]


async def test_mail_that_whm_knows_the_owner_of_is_the_owners_whoever_it_says_it_is_from(
    whm: StandIn, host: MailHost
) -> None:
    await host.apply(a_hold())
    forged = whm.send("ceo@bank.example", FAR, owner="shop")
    seen = await host.observe(a_hold())
    assert [each.queue_id for each in seen.messages] == [forged]
    await host.apply(a_hold("bakery.example", key="bakery"))
    assert (await host.observe(a_hold("bakery.example", key="bakery"))).messages == ()


async def test_what_an_administrator_held_before_stays_held(whm: StandIn, host: MailHost) -> None:
    whm.accounts["shop"].held = 1
    await host.apply(a_hold())
    mail = whm.send("info@shop.example", FAR)
    seen = await host.lift(lifted(a_hold()))
    assert seen.observed is Observed.LIFTED
    assert "shop stays as it is" in seen.detail
    assert [(each.queue_id, each.fate) for each in seen.messages] == [(mail, Fate.KEPT)]
    assert whm.changes() == []


async def test_an_account_that_two_measures_hold_is_released_by_the_last(
    whm: StandIn, host: MailHost
) -> None:
    first, second = a_hold(), a_hold("blog.example", key="second")
    await host.apply(first)
    await host.apply(second)
    mail = whm.send("info@blog.example", FAR)
    seen = await host.lift(lifted(first))
    assert (seen.observed, whm.accounts["shop"].held > 0) == (Observed.LIFTED, True)
    assert [each.fate for each in seen.messages] == [Fate.KEPT]
    seen = await host.lift(lifted(second))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED]
    assert whm.delivered == [mail]


async def test_what_one_incident_keeps_another_ones_end_does_not_deliver(
    whm: StandIn, host: MailHost
) -> None:
    first, second = a_hold(), a_hold("blog.example", key="second")
    await host.apply(first)
    await host.apply(second)
    mail = whm.send("doubt@shop.example", FAR)
    await host.lift(lifted(first, keep_senders=("doubt@shop.example",)))
    seen = await host.lift(lifted(second))
    assert (seen.observed, whm.delivered) == (Observed.FAILED, [])
    assert f"to be kept back: {mail}" in seen.detail
    # The client's word at last.
    assert (await host.lift(lifted(first))).observed is Observed.LIFTED
    assert whm.delivered == []
    assert (await host.lift(lifted(second))).observed is Observed.LIFTED
    assert whm.delivered == [mail]
    seen = await host.lift(lifted(first, discard_senders=("late@shop.example",)))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED]


async def test_a_measure_that_comes_back_is_lifted_like_the_first_time(
    whm: StandIn, host: MailHost
) -> None:
    for _ in range(2):
        await host.apply(a_hold())
        whm.send("info@shop.example", FAR)
        assert (await host.lift(lifted(a_hold()))).observed is Observed.LIFTED
        assert not whm.accounts["shop"].held
    assert len(whm.delivered) == 2


async def test_a_measure_that_was_never_in_force_releases_nobody(
    whm: StandIn, host: MailHost
) -> None:
    whm.accounts["shop"].held = 1
    seen = await host.lift(lifted(a_hold()))
    assert (seen.observed, seen.detail) == (Observed.LIFTED, "it was never in force")
    assert whm.asked == []
