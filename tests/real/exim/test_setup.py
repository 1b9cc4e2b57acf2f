"""Whose configuration it is: Debian's two ways, others' changes, hostile names."""

from dataclasses import replace
from pathlib import Path

import pytest

from agents.mta.exim.commands import EximFailed
from agents.mta.exim.setup import NotSetUp
from agents.mta.port import CannotCarryOut, MailHost
from domain.hosts import Fate
from tests.agents.gateway import lifted
from tests.real.exim.host import EximHost
from tests.real.exim.measures import (
    FAR,
    OTHER,
    SECONDS,
    SHOP,
    a_hold,
    a_message,
    a_server_hold,
    held,
    idle,
    observed_holding,
)
from workers.demo.inbox import Inbox

pytestmark = pytest.mark.real


async def test_applied_twice_it_changes_nothing(exim: EximHost, agent: MailHost) -> None:
    await agent.apply(a_hold())
    await exim.submit(SHOP, [FAR], a_message("held"))
    seen = await observed_holding(agent, a_hold(), 1)

    def files() -> dict[str, int]:
        return {each.name: each.stat().st_mtime_ns for each in exim.plazo.iterdir()}

    before, moved = files(), exim.log.read_text().count("moved from")
    assert await agent.apply(a_hold()) == seen
    assert files() == before
    assert exim.log.read_text().count("moved from") == moved == 1


async def test_a_hold_survives_a_restart_of_exim_and_of_the_agent(
    exim: EximHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_hold())
    await exim.submit(SHOP, [FAR], a_message("before"))
    await observed_holding(agent, a_hold(), 1)
    await exim.stop()
    await exim.start()
    await exim.submit(SHOP, [FAR], a_message("after"))
    again = exim.mail_host(tmp_path)
    await again.apply(a_hold())
    await observed_holding(again, a_hold(), 2)
    assert internet.messages == []
    seen = await exim.mail_host(tmp_path).lift(lifted(a_hold()))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED, Fate.DELIVERED]
    await internet.wait_for(lambda each: each.subject == "after", SECONDS)
    await idle(exim)
    assert sorted(internet.subjects()) == ["after", "before"]


@pytest.mark.parametrize("file", ["routes", "routers.conf"])
@pytest.mark.parametrize("text", [None, "# nothing\n"])
async def test_what_somebody_changed_comes_back(
    exim: EximHost, internet: Inbox, agent: MailHost, file: str, text: str | None
) -> None:
    await agent.apply(a_hold())
    before = (exim.plazo / file).read_text()
    if text is None:
        (exim.plazo / file).unlink()
    else:
        (exim.plazo / file).write_text(text)
    await agent.observe(a_hold())
    assert (exim.plazo / file).read_text() == before
    await exim.submit(SHOP, [FAR], a_message("held"))
    await observed_holding(agent, a_hold(), 1)
    assert internet.messages == []


async def test_a_message_that_two_holds_concern_stays_until_both_are_lifted(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await exim.submit(SHOP, [FAR], a_message("held twice"))
    await observed_holding(agent, a_hold(), 1)
    await agent.apply(a_server_hold())
    seen = await agent.lift(lifted(a_hold()))
    assert [each.fate for each in seen.messages] == [Fate.KEPT]
    assert await held(exim) == [f"<{SHOP}>"]
    seen = await agent.lift(lifted(a_server_hold()))
    assert [each.fate for each in seen.messages] == [Fate.DELIVERED]
    await internet.wait_for(lambda each: each.subject == "held twice", SECONDS)
    assert len(internet.messages) == 1


async def test_mail_that_somebody_deletes_on_the_host_is_reported_as_discarded(
    exim: EximHost, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    await exim.submit(SHOP, [FAR], a_message("deleted"))
    (message,) = (await observed_holding(agent, a_hold(), 1)).messages
    await exim.command("-qGplazo", "-Mrm", message.queue_id)
    assert [each.fate for each in (await agent.observe(a_hold())).messages] == [Fate.DISCARDED]


@pytest.mark.parametrize("target", ["shop.example: hold\n*", "*", "tienda.españa", "a.${run{x}}"])
async def test_a_target_that_is_no_domain_is_refused_and_spoils_nothing(
    exim: EximHost, agent: MailHost, target: str
) -> None:
    await agent.apply(a_hold())
    hostile = a_hold()
    object.__setattr__(hostile.restriction, "targets", (target,))
    with pytest.raises(CannotCarryOut, match="no domain name"):
        await agent.apply(replace(hostile, key="hostile"))
    await exim.submit(SHOP, [FAR], a_message("held"))
    await observed_holding(agent, a_hold(), 1)


@pytest.mark.parametrize(
    "sender",
    [
        '"${run{/usr/bin/touch @}}"@shop.example',
        '"> *** frozen ***"@shop.example',
        '"x\\" R=plazo_hold T=plazo_hold"@shop.example',
        "`touch$IFS@`@shop.example",
        "$sender_address@shop.example",
    ],
)
async def test_a_hostile_sender_is_held_as_any_other(
    exim: EximHost, internet: Inbox, agent: MailHost, tmp_path: Path, sender: str
) -> None:
    trace = tmp_path / "trace"
    sender = sender.replace("@}", f"{trace}}}").replace("IFS@", f"IFS{trace}")
    await agent.apply(a_hold())
    await exim.submit(sender, [FAR, "${run{/bin/false}}@far.example"], a_message("hostile"))
    (message,) = (await observed_holding(agent, a_hold(), 1)).messages
    assert (message.sender, message.recipients) == (sender, 2)
    await agent.lift(lifted(a_hold(), discard_senders=(sender,)))
    await idle(exim)
    assert internet.messages == []
    assert not trace.exists()


async def test_debians_unsplit_configuration_will_do_as_well(
    internet: Inbox, tmp_path: Path
) -> None:
    async with EximHost(
        next_hop=internet.address, local_domain="shop.example", split=False
    ) as exim:
        agent = exim.mail_host(tmp_path)
        await agent.apply(a_hold())
        await exim.submit(SHOP, [FAR], a_message("held"))
        await exim.submit(OTHER, [FAR], a_message("bakery"))
        await observed_holding(agent, a_hold(), 1)
        await idle(exim)
        assert internet.subjects() == ["bakery"]


async def test_a_configuration_that_does_not_bring_ours_in_is_said(
    exim: EximHost, agent: MailHost
) -> None:
    (exim.config_dir / "conf.d" / "router" / "00_plazo").unlink()
    await exim.configured()
    with pytest.raises(NotSetUp, match=r"bring .*/plazo/routers\.conf in front"):
        await agent.apply(a_hold())


async def test_fragments_that_exim_refuses_are_taken_out_again(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    exim.configure("router", "plazo_hold:\n  driver = accept\n  transport = test_maildir\n")
    await exim.configured()
    with pytest.raises(EximFailed, match="they are out again"):
        await agent.apply(a_hold())
    (exim.config_dir / "conf.d" / "router" / "05_test").unlink()
    await exim.configured()
    await exim.submit(OTHER, [FAR], a_message("bakery"))
    await internet.wait_for(lambda each: each.subject == "bakery", SECONDS)
    (exim.home / "log" / "paniclog").unlink()
