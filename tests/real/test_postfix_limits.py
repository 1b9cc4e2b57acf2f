"""`rate_limit` on a real Postfix: so many an hour leave, the rest waits and is never lost."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agents.mta.port import CannotCarryOut, MailHost
from domain.hosts import Fate
from tests.agents.gateway import lifted
from tests.real.postfix import (
    FAR,
    OTHER,
    SECONDS,
    SHOP,
    a_hold,
    a_limit,
    a_message,
    a_redirect,
    a_server_limit,
    arrived,
    deferred,
    idle,
    names_in,
    observed_holding,
    setup,
)  # fmt: skip
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost

pytestmark = pytest.mark.real


async def send(postfix: PostfixHost, count: int, sender: str = SHOP) -> None:
    """By SMTP and by the sendmail command, in turn."""
    for number in range(count):
        way = postfix.submit_locally if number % 2 else postfix.submit
        await way(sender, [FAR], a_message(f"{sender} {number}"))


def an_hour_passes(state: Path) -> None:
    """What the agent remembers to have let pass, it let pass an hour earlier."""
    file = state / "passes.json"
    page = json.loads(file.read_text())
    for each in page["passes"]:
        at = datetime.fromisoformat(each["at"]) - timedelta(hours=1)
        each["at"] = at.isoformat()
    file.write_text(json.dumps(page))


async def test_as_many_as_the_limit_leave_and_the_rest_waits_on_hold(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(3))
    await send(postfix, 5)
    await send(postfix, 2, OTHER)
    await postfix.submit(SHOP, ["colleague@shop.example"], a_message("internal"))
    await arrived(agent, a_limit(3), internet, 5)
    await observed_holding(agent, a_limit(3), 2)
    await idle(postfix)
    senders = [each.sender for each in internet.messages]
    assert (senders.count(SHOP), senders.count(OTHER)) == (3, 2)
    assert [each["Subject"] for each in postfix.delivered()] == ["internal"]
    assert await names_in(postfix) == {SHOP: "hold"}


async def test_mail_that_waited_in_the_queue_already_counts_and_the_oldest_goes_first(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await setup(postfix, "defer_transports = smtp")
    await send(postfix, 3)
    await deferred(postfix, 3)
    await agent.apply(a_limit(1))
    await postfix.command("postconf", "-X", "defer_transports")
    await postfix.command("postfix", "reload")
    await observed_holding(agent, a_limit(1), 2)
    await idle(postfix)
    assert internet.subjects() == [f"{SHOP} 0"]


async def test_the_count_goes_on_after_a_restart_and_the_next_hour_takes_what_waits(
    postfix: PostfixHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_limit(2))
    await send(postfix, 5)
    await observed_holding(agent, a_limit(2), 3)
    await postfix.stop()
    await postfix.start()
    again = postfix.mail_host(tmp_path)
    await again.apply(a_limit(2))
    await send(postfix, 1)
    await observed_holding(again, a_limit(2), 4)
    await idle(postfix)
    assert len(internet.messages) == 2
    an_hour_passes(tmp_path)
    later = postfix.mail_host(tmp_path)
    await arrived(later, a_limit(2), internet, 4)
    seen = await observed_holding(later, a_limit(2), 2)
    assert [each.fate for each in seen.messages].count(Fate.DELIVERED) == 2
    await idle(postfix)
    assert len(set(internet.subjects())) == 4


async def test_a_flush_by_an_administrator_takes_nothing_past_the_limit(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(1))
    await send(postfix, 3)
    await observed_holding(agent, a_limit(1), 2)
    await postfix.command("postqueue", "-f")
    await idle(postfix)
    assert len(internet.messages) == 1


async def test_a_message_that_was_let_pass_tries_again_without_counting_again(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    async with Inbox() as gone:
        address = gone.address
    await setup(postfix, f"relayhost = [{address.replace(':', ']:')}")
    await agent.apply(a_limit(2))
    await send(postfix, 1)
    await deferred(postfix)
    await agent.observe(a_limit(2))
    await setup(postfix, f"relayhost = [{internet.address.replace(':', ']:')}")
    await send(postfix, 3)
    await arrived(agent, a_limit(2), internet, 2)
    await observed_holding(agent, a_limit(2), 2)
    await idle(postfix)
    assert len(internet.messages) == 2


async def test_a_domains_limit_and_its_servers_both_count(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(1))
    await agent.apply(a_server_limit(2))
    await send(postfix, 3)
    await send(postfix, 3, OTHER)
    await arrived(agent, a_server_limit(2), internet, 2)
    await observed_holding(agent, a_limit(1), 2)
    await idle(postfix)
    assert sorted(each.sender for each in internet.messages) == [OTHER, SHOP]


async def test_limited_and_redirected_mail_is_both(postfix: PostfixHost, agent: MailHost) -> None:
    async with Inbox("smarthost.example") as smarthost:
        await agent.apply(a_redirect(smarthost.address))
        await agent.apply(a_limit(1))
        await send(postfix, 2)
        await arrived(agent, a_limit(1), smarthost, 1)
        await observed_holding(agent, a_limit(1), 1)
        await idle(postfix)
        assert len(smarthost.messages) == 1
        assert (await agent.observe(a_redirect(smarthost.address))).relayed == 1


async def test_the_end_of_a_limit_delivers_what_waits_once_but_for_the_discards(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(1))
    await send(postfix, 2)
    await send(postfix, 1, "spam@shop.example")
    await arrived(agent, a_limit(1), internet, 1)
    await observed_holding(agent, a_limit(1), 2)
    await agent.lift(lifted(a_limit(1), discard_senders=("spam@shop.example",)))
    await idle(postfix)
    assert sorted(internet.subjects()) == [f"{SHOP} 0", f"{SHOP} 1"]


async def test_a_hold_that_replaces_a_limit_takes_what_waits_over(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(1))
    await send(postfix, 3)
    await arrived(agent, a_limit(1), internet, 1)
    await observed_holding(agent, a_limit(1), 2)
    await agent.apply(a_hold())
    await agent.lift(lifted(a_limit(1), keep_senders=("@shop.example",)))
    seen = await observed_holding(agent, a_hold(), 2)
    assert {each.sender for each in seen.messages} == {SHOP}
    await idle(postfix)
    assert len(internet.messages) == 1
    await agent.lift(lifted(a_limit(1)))
    await agent.lift(lifted(a_hold()))
    await idle(postfix)
    assert sorted(internet.subjects()) == [f"{SHOP} {number}" for number in range(3)]


async def test_mail_that_an_administrator_holds_is_never_let_pass(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    await setup(postfix, "defer_transports = smtp")
    await send(postfix, 1)
    (theirs,) = await postfix.queue()
    await postfix.command("postsuper", "-h", theirs["queue_id"])
    await postfix.command("postconf", "-X", "defer_transports")
    await agent.apply(a_limit(5))
    await postfix.submit(SHOP, [FAR], a_message("ours"))
    await arrived(agent, a_limit(5), internet, 1)
    await agent.lift(lifted(a_limit(5)))
    await idle(postfix)
    assert internet.subjects() == ["ours"]
    assert await names_in(postfix) == {SHOP: "hold"}


async def test_a_limit_without_a_number_is_refused_and_spoils_nothing(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    with pytest.raises(CannotCarryOut, match="expected 1 or more"):
        await agent.apply(a_limit(0))
    await send(postfix, 1)
    await internet.wait_for(lambda each: each.sender == SHOP, SECONDS)
