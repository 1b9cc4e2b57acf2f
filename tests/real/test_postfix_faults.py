"""A real Postfix while the agent is killed, its disk is full, or somebody interferes."""

import resource
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from agents.mta.port import MailHost
from domain.hosts import Fate
from tests.agents.gateway import lifted
from tests.real.cut_off import cut_off
from tests.real.postfix import (
    FAR,
    OTHER,
    SECONDS,
    SHOP,
    a_hold,
    a_limit,
    a_message,
    a_server_hold,
    arrived,
    deferred,
    idle,
    names_in,
    observed_holding,
    setup,
)
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost

pytestmark = pytest.mark.real

SPAM = "spam@shop.example"
INJECTED = Path("/tmp/plazo-injected")


def mta(postfix: PostfixHost) -> str:
    return f"postfix:{postfix.config_dir}"


async def an_administrators_hold(postfix: PostfixHost) -> None:
    await setup(postfix, "defer_transports = smtp")
    await postfix.submit("admin@shop.example", [FAR], a_message("the administrator's"))
    await deferred(postfix)
    await postfix.command("postsuper", "-h", "ALL")
    await postfix.command("postconf", "-X", "defer_transports")
    await postfix.command("postfix", "reload")


async def test_killed_before_any_step_of_a_hold_or_its_end_nothing_is_lost_or_doubled(
    postfix: PostfixHost, internet: Inbox, tmp_path: Path
) -> None:
    await an_administrators_hold(postfix)
    for step in count(1):
        hold = replace(a_hold(), key=f"hold {step}")
        killed = await cut_off(mta(postfix), tmp_path, "apply", hold, step)
        await postfix.mail_host(tmp_path).apply(hold)
        await postfix.submit(SHOP, [FAR], a_message(f"good {step}"))
        await postfix.submit_locally(SPAM, [FAR], a_message("spam"))
        await observed_holding(postfix.mail_host(tmp_path), hold, 2)
        end = lifted(hold, discard_senders=(SPAM,))
        cut = await cut_off(mta(postfix), tmp_path, "lift", end, step)
        seen = await postfix.mail_host(tmp_path).lift(end)
        assert {each.sender: each.fate for each in seen.messages} == {
            SHOP: Fate.DELIVERED,
            SPAM: Fate.DISCARDED,
        }
        await internet.wait_for(lambda each: each.subject.startswith("good"), SECONDS)
        await idle(postfix)
        assert internet.subjects() == [f"good {step}"]
        assert await names_in(postfix) == {"admin@shop.example": "hold"}
        internet.messages.clear()
        if not killed and not cut:
            break
    assert step > 8  # there was something to be cut off from


async def test_killed_before_any_step_of_letting_mail_pass_the_limit_holds(
    postfix: PostfixHost, internet: Inbox, tmp_path: Path
) -> None:
    for step in count(1):
        limit = replace(a_limit(1), key=f"limit {step}")
        await postfix.mail_host(tmp_path).apply(limit)
        for number in range(3):
            await postfix.submit(SHOP, [FAR], a_message(f"message {number}"))
        await deferred(postfix, 3)
        killed = await cut_off(mta(postfix), tmp_path, "observe", limit, step)
        again = postfix.mail_host(tmp_path)
        await observed_holding(again, limit, 2)
        await arrived(again, limit, internet, 1)
        await idle(postfix)
        assert len(internet.messages) == 1
        cut = await cut_off(mta(postfix), tmp_path, "lift", lifted(limit), step)
        await postfix.mail_host(tmp_path).lift(lifted(limit))
        await idle(postfix)
        assert sorted(internet.subjects()) == [f"message {number}" for number in range(3)]
        internet.messages.clear()
        if not killed and not cut:
            break
    assert step > 8  # there was something to be cut off from


async def test_a_full_disk_leaves_the_table_that_there_was_and_is_got_over(
    postfix: PostfixHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_hold())
    many = a_hold(*(f"domain-{number}.example" for number in range(300)), "bakery.example")
    many = replace(many, key="many")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As full as a disk is for the agent and its commands: main.cf and master.cf still fit.
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, usual[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            await agent.apply(many)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    await postfix.command("postfix", "reload")
    await postfix.submit(SHOP, [FAR], a_message("held"))
    await postfix.submit(OTHER, [FAR], a_message("bakery before"))
    await observed_holding(agent, a_hold(), 1)
    await internet.wait_for(lambda each: each.subject == "bakery before", SECONDS)
    await agent.apply(many)
    await postfix.submit(OTHER, [FAR], a_message("bakery after"))
    await observed_holding(agent, many, 1)
    assert internet.subjects() == ["bakery before"]


async def test_a_hold_stands_while_the_agent_is_away_and_postfix_starts_again(
    postfix: PostfixHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_server_hold())
    await postfix.stop()
    await postfix.start()
    await postfix.submit(SHOP, [FAR], a_message("while away"))
    await deferred(postfix)
    assert internet.messages == []
    await observed_holding(postfix.mail_host(tmp_path), a_server_hold(), 1)


async def test_everything_of_ours_that_is_taken_out_comes_back(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    """As after the machine was installed anew, with the agent's own memory kept."""
    as_new = (postfix.config_dir / "master.cf").read_text()
    await agent.apply(a_hold())
    (postfix.config_dir / "master.cf").write_text(as_new)
    for each in postfix.config_dir.glob("plazo-*"):
        each.unlink()
    await postfix.command("postfix", "reload")
    await agent.observe(a_hold())
    await postfix.submit(SHOP, [FAR], a_message("held"))
    await observed_holding(agent, a_hold(), 1)
    assert internet.messages == []


@pytest.mark.parametrize(
    "sender",
    [
        f'"a\\"$(touch {INJECTED})"@shop.example',
        '"x@bakery.example"@shop.example',
        '"/^/ discard:"@shop.example',
        "-d@shop.example",
        "$(reboot)@shop.example",
        '"a\'b;c|d&e"@shop.example',
    ],
)
async def test_a_hostile_sender_is_held_like_any_other(
    postfix: PostfixHost, internet: Inbox, agent: MailHost, sender: str
) -> None:
    await agent.apply(a_hold())
    await postfix.submit_locally(sender, [FAR], a_message("hostile"))
    await postfix.submit(OTHER, [FAR], a_message("bakery"))
    seen = await observed_holding(agent, a_hold(), 1)
    await internet.wait_for(lambda each: each.subject == "bakery", SECONDS)
    assert internet.subjects() == ["bakery"]
    (held,) = seen.messages
    await agent.lift(lifted(a_hold(), discard_senders=(held.sender,)))
    await idle(postfix)
    assert internet.subjects() == ["bakery"]
    assert not INJECTED.exists()  # noqa: ASYNC240
