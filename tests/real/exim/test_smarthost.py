"""Mail of a real Exim through a smarthost: counted, over TLS, and waiting when it is not taken."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.mta.port import CannotCarryOut, MailHost
from agents.smarthosts.port import LOGINS, NoLogin
from domain.hosts import Desired, Fate
from domain.measures import Scope
from tests.agents.gateway import lifted
from tests.real.exim.host import EximHost
from tests.real.exim.measures import (
    FAR,
    OTHER,
    SECONDS,
    SHOP,
    a_hold,
    a_message,
    a_redirect,
    held,
    idle,
    logged,
    observed_holding,
    waiting,
)
from tests.real.exim.smarthost import StrictSmarthost
from workers.demo.inbox import Inbox

pytestmark = pytest.mark.real

USER, SECRET = "shop^user;x", "s^^e;c:${run{/bin/false}}\\r'\"#et"


@pytest.fixture
async def smarthost(exim: EximHost) -> AsyncIterator[StrictSmarthost]:
    async with StrictSmarthost(USER, SECRET) as strict:
        exim.plazo.mkdir()
        strict.write_authority(exim.plazo / "smarthost-ca.pem")
        yield strict


def log_in(state_dir: Path, secret: str = SECRET) -> None:
    """What the provider puts on the host."""
    (state_dir / LOGINS).mkdir(exist_ok=True)
    file = state_dir / LOGINS / "localhost"
    file.write_text(f"{USER}:{secret}\n")
    file.chmod(0o600)


async def test_a_redirect_goes_through_the_smarthost_is_counted_and_ends(
    exim: EximHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    async with Inbox("smarthost.example") as smarthost:
        redirect = a_redirect(smarthost.address)
        await agent.apply(redirect)
        await exim.submit(SHOP, [FAR, "second@elsewhere.example"], a_message("two recipients"))
        await exim.submit_locally(SHOP, [FAR], a_message("by a script"))
        await exim.submit(SHOP, ["colleague@shop.example"], a_message("internal"))
        await exim.submit(OTHER, [FAR], a_message("bakery"))
        await smarthost.wait_for(lambda each: each.subject == "two recipients", SECONDS)
        await smarthost.wait_for(lambda each: each.subject == "by a script", SECONDS)
        await internet.wait_for(lambda each: each.subject == "bakery", SECONDS)
        await idle(exim)
        assert (await agent.observe(redirect)).relayed == 2
        again = exim.mail_host(tmp_path)
        assert (await again.apply(redirect)).relayed == 2
        assert (await again.lift(lifted(redirect))).relayed == 2
        await exim.submit(SHOP, [FAR], a_message("direct again"))
        await internet.wait_for(lambda each: each.subject == "direct again", SECONDS)
        await idle(exim)
        assert (await again.lift(lifted(redirect))).relayed == 2
        assert {each.subject for each in smarthost.messages} == {"two recipients", "by a script"}


async def test_mail_in_the_queue_goes_through_the_smarthost_from_then_on(
    exim: EximHost, tmp_path: Path
) -> None:
    async with (
        Inbox("smarthost.example") as smarthost,
        EximHost(next_hop="127.0.0.1:9", local_domain="shop.example", queue_every="1h") as exim,
    ):
        agent = exim.mail_host(tmp_path)
        await exim.submit(SHOP, [FAR], a_message("backlog"))
        await logged(exim, "Connection refused")
        redirect = a_redirect(smarthost.address, Scope.SERVER)
        await agent.apply(redirect)
        await exim.command("-qff")
        await smarthost.wait_for(lambda each: each.subject == "backlog", SECONDS)
        await idle(exim)
        assert (await agent.observe(redirect)).relayed == 1


async def test_a_held_domain_stays_held_while_its_server_is_redirected(
    exim: EximHost, agent: MailHost
) -> None:
    async with Inbox("smarthost.example") as smarthost:
        await agent.apply(a_redirect(smarthost.address, Scope.SERVER))
        await agent.apply(a_hold())
        await exim.submit(SHOP, [FAR], a_message("held"))
        await exim.submit(OTHER, [FAR], a_message("redirected"))
        await observed_holding(agent, a_hold(), 1)
        await smarthost.wait_for(lambda each: each.subject == "redirected", SECONDS)
        assert smarthost.subjects() == ["redirected"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_the_agent_logs_in_over_tls_and_tells_who_sent(
    exim: EximHost, agent: MailHost, smarthost: StrictSmarthost, tmp_path: Path,
    mechanism: str,
) -> None:  # fmt: skip
    smarthost.mechanisms = (mechanism,)
    log_in(tmp_path)
    redirect = a_redirect(f"mailchannels:{smarthost.address}")
    await agent.apply(redirect)
    message = a_message("redirected")
    message["X-AuthUser"] = "somebody.else@shop.example"
    await exim.submit(SHOP, [FAR], message)
    arrived = await smarthost.wait_for(lambda each: each.subject == "redirected", SECONDS)
    assert arrived.message.get_all("X-AuthUser") == [SHOP]
    assert smarthost.logins == [(True, True)]
    await exim.mail_host(tmp_path).lift(lifted(redirect))
    assert not (exim.plazo / "logins").exists()


async def test_the_secret_is_nowhere_but_where_exim_needs_it(
    exim: EximHost, agent: MailHost, smarthost: StrictSmarthost, tmp_path: Path
) -> None:
    log_in(tmp_path)
    seen = await agent.apply(a_redirect(smarthost.address))
    await exim.submit(SHOP, [FAR], a_message("redirected"))
    await smarthost.wait_for(lambda each: each.subject == "redirected", SECONDS)
    assert SECRET not in repr(seen)
    found = {
        each.name
        for place in (exim.home, tmp_path)
        for each in place.rglob("*")
        if each.is_file() and SECRET.encode() in each.read_bytes()
    }
    assert found == {"localhost"}
    logins = exim.plazo / "logins"
    assert (logins.group(), logins.stat().st_mode & 0o777) == ("Debian-exim", 0o640)


async def test_without_the_login_it_wants_a_redirect_is_not_in_force(
    exim: EximHost, internet: Inbox, agent: MailHost, smarthost: StrictSmarthost
) -> None:
    with pytest.raises(NoLogin):
        await agent.apply(a_redirect(f"mailchannels:{smarthost.address}"))
    await exim.submit(SHOP, [FAR], a_message("direct"))
    await internet.wait_for(lambda each: each.subject == "direct", SECONDS)


async def test_a_login_that_is_taken_away_makes_mail_wait_and_spoils_no_other_measure(
    exim: EximHost, internet: Inbox, agent: MailHost, smarthost: StrictSmarthost, tmp_path: Path
) -> None:
    log_in(tmp_path)
    redirect = a_redirect(f"mailchannels:{smarthost.address}")
    await agent.apply(redirect)
    (tmp_path / LOGINS / "localhost").unlink()
    seen = await agent.apply(a_hold("bakery.example"))
    assert "mail for localhost waits" in seen.detail
    await exim.submit(OTHER, [FAR], a_message("held"))
    await exim.submit(SHOP, [FAR], a_message("waits"))
    await observed_holding(agent, a_hold("bakery.example"), 1)
    await logged(exim, "T=plazo_smarthost defer")
    assert (smarthost.logins, internet.messages) == ([], [])
    log_in(tmp_path)
    assert "waits" not in (await agent.observe(redirect)).detail
    await exim.command("-qff")
    await smarthost.wait_for(lambda each: each.subject == "waits", SECONDS)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
async def test_what_a_smarthost_puts_off_waits_and_is_delivered_once(
    exim: EximHost, internet: Inbox, agent: MailHost, smarthost: StrictSmarthost,
    tmp_path: Path, command: str,
) -> None:  # fmt: skip
    log_in(tmp_path)
    smarthost.answers[command] = "451 4.7.1 later"
    redirect = a_redirect(smarthost.address)
    await agent.apply(redirect)
    await exim.submit(SHOP, [FAR], a_message("waits"))
    await logged(exim, "451 4.7.1 later", 2)
    assert await waiting(exim) == [f"<{SHOP}>"]
    smarthost.answers.clear()
    await smarthost.wait_for(lambda each: each.subject == "waits", SECONDS)
    await idle(exim)
    assert (len(smarthost.messages), internet.messages) == (1, [])
    assert (await agent.observe(redirect)).relayed == 1


async def test_a_wrong_login_makes_mail_wait_until_it_is_right(
    exim: EximHost, internet: Inbox, agent: MailHost, smarthost: StrictSmarthost, tmp_path: Path
) -> None:
    log_in(tmp_path, "wrong")
    redirect = a_redirect(smarthost.address)
    await agent.apply(redirect)
    await exim.submit(SHOP, [FAR], a_message("waits"))
    await logged(exim, "T=plazo_smarthost defer")
    assert (smarthost.logins[0], await waiting(exim)) == ((True, False), [f"<{SHOP}>"])
    log_in(tmp_path)
    await agent.observe(redirect)
    await exim.command("-qff")
    await smarthost.wait_for(lambda each: each.subject == "waits", SECONDS)
    await idle(exim)
    assert (len(smarthost.messages), internet.messages) == (1, [])


async def test_no_login_is_given_to_a_server_whose_certificate_is_another_ones(
    exim: EximHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    log_in(tmp_path)
    async with StrictSmarthost(USER, SECRET, trusted=False) as impostor:
        exim.plazo.mkdir()
        impostor.write_authority(exim.plazo / "smarthost-ca.pem")
        await agent.apply(a_redirect(impostor.address))
        await exim.submit(SHOP, [FAR], a_message("waits"))
        await logged(exim, "T=plazo_smarthost defer")
        assert (impostor.logins, internet.messages) == ([], [])
        assert await waiting(exim) == [f"<{SHOP}>"]


async def test_a_smarthost_that_is_down_or_unknown_makes_mail_wait(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_redirect("127.0.0.1:9"))
    await exim.submit(SHOP, [FAR], a_message("down"))
    await logged(exim, "Connection refused")
    await agent.apply(a_redirect("nowhere.invalid:25"))
    await exim.submit(SHOP, [FAR], a_message("unknown"))
    await logged(exim, "T=plazo_smarthost defer", 2)
    assert (await waiting(exim), internet.messages) == ([f"<{SHOP}>"] * 2, [])


async def test_what_a_smarthost_refuses_is_held_and_released_at_the_clients_word(
    exim: EximHost, internet: Inbox, agent: MailHost, smarthost: StrictSmarthost, tmp_path: Path
) -> None:
    log_in(tmp_path)
    smarthost.answers["DATA"] = "554 5.7.1 spam"
    redirect = a_redirect(smarthost.address, Scope.SERVER)
    await agent.apply(redirect)
    await exim.submit(SHOP, [FAR, "second@far.example"], a_message("spam"))
    await exim.submit(OTHER, [FAR], a_message("looks like it"))
    seen = await observed_holding(agent, redirect, 2)
    assert "the smarthost refuses 2, on hold" in seen.detail
    assert await held(exim) == [f"<{OTHER}>", f"<{SHOP}>"]
    over = await agent.lift(replace(lifted(redirect), discard_senders=(SHOP,)))
    assert {each.sender: each.fate for each in over.messages} == {
        SHOP: Fate.DISCARDED, OTHER: Fate.DELIVERED,
    }  # fmt: skip
    await internet.wait_for(lambda each: each.subject == "looks like it", SECONDS)
    await idle(exim)
    assert (len(internet.messages), exim.delivered(), over.relayed) == (1, [], 0)


async def test_of_several_recipients_those_that_a_smarthost_takes_are_not_doubled(
    exim: EximHost, internet: Inbox, agent: MailHost, smarthost: StrictSmarthost, tmp_path: Path
) -> None:
    log_in(tmp_path)
    smarthost.refused.add("second@far.example")
    redirect = a_redirect(smarthost.address)
    await agent.apply(redirect)
    await exim.submit(SHOP, [FAR, "second@far.example"], a_message("to both"))
    await logged(exim, "the smarthost refuses it: 550", 2)
    assert await waiting(exim) == [f"<{SHOP}>"]
    smarthost.refused.clear()
    await smarthost.wait_for(lambda each: each.recipients == ("second@far.example",), SECONDS)
    await idle(exim)
    assert [each.recipients for each in smarthost.messages] == [(FAR,), ("second@far.example",)]
    assert (exim.delivered(), internet.messages) == ([], [])
    assert (await agent.observe(redirect)).relayed == 1


async def test_only_processes_of_exims_user_reach_the_smarthost(
    exim: EximHost, smarthost: StrictSmarthost, agent: MailHost, tmp_path: Path
) -> None:
    log_in(tmp_path)
    await agent.apply(a_redirect(smarthost.address))
    route = (exim.plazo / "routes").read_text().split(": ")[1].strip()
    port = await exim.as_exim("/usr/bin/python3", str(exim.plazo / "handover.py"), route, "mx")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert smarthost.logins == []


async def test_a_smarthost_that_is_none_spoils_no_other_measure(
    exim: EximHost, agent: MailHost
) -> None:
    await agent.apply(a_hold())
    for address in ("smart.example", 'smart.example:25" : "evil', "a b:25", "${run{x}}:25"):
        redirect: Desired = replace(a_redirect(address), key="hostile")
        with pytest.raises(CannotCarryOut, match="is no smarthost"):
            await agent.apply(redirect)
    await exim.submit(SHOP, [FAR], a_message("held"))
    await observed_holding(agent, a_hold(), 1)
    assert await held(exim) == [f"<{SHOP}>"]
