"""`smarthost_redirect` through a second Postfix with TLS and logins: what it refuses waits."""

import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiosmtplib
import pytest
import trustme

from agents.mta.port import CannotCarryOut, MailHost
from agents.smarthosts.port import LOGINS, NoLogin
from domain.hosts import Fate
from domain.measures import Scope
from tests.activities.mail_servers import Picky
from tests.agents.gateway import lifted
from tests.real.postfix import (
    FAR,
    OTHER,
    SECONDS,
    SECRET,
    SHOP,
    USER,
    Logins,
    a_hold,
    a_message,
    a_redirect,
    arrived,
    idle,
    logins,
    names_in,
    needs_dovecot,
    observed_holding,
    setup,
    until,
)
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost

pytestmark = pytest.mark.real


@pytest.fixture
async def login(postfix: PostfixHost) -> AsyncIterator[Logins]:
    needs_dovecot()
    async with logins() as service:
        await setup(postfix, f"smtp_tls_CAfile = {service.authority}")
        yield service


@pytest.fixture
async def beyond() -> AsyncIterator[Inbox]:
    """Where the smarthost hands mail on."""
    async with Inbox() as inbox:
        yield inbox


@pytest.fixture
async def smarthost(beyond: Inbox, login: Logins) -> AsyncIterator[PostfixHost]:
    async with PostfixHost(next_hop=beyond.address, local_domain="smart.example") as host:
        await login.offered_by(host)
        await setup(host, "smtpd_relay_restrictions = permit_sasl_authenticated, reject")
        yield host


def a_login(state: Path, secret: str = SECRET, mode: int = 0o600) -> Path:
    """Where the provider puts it."""
    (state / LOGINS).mkdir(exist_ok=True)
    file = state / LOGINS / "localhost"
    file.write_text(f"{USER}:{secret}\n")
    file.chmod(mode)
    return file


def through(smarthost: PostfixHost) -> str:
    return f"localhost:{smarthost.port}"


async def put_off(postfix: PostfixHost, reason: str) -> None:
    """Wait until a message waits for this reason."""

    async def done() -> bool:
        queue = await postfix.queue()
        return any(reason in str(each["recipients"]) for each in queue)

    await until(done)


async def test_a_login_is_used_over_tls_and_is_nowhere_but_in_its_file(
    postfix: PostfixHost, internet: Inbox, beyond: Inbox, smarthost: PostfixHost,
    agent: MailHost, tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    a_login(tmp_path)
    redirect = a_redirect(through(smarthost))
    seen = await agent.apply(redirect)
    await postfix.submit(SHOP, [FAR], a_message("by smtp"))
    await postfix.submit_locally(SHOP, [FAR], a_message("by a script"))
    await postfix.submit(OTHER, [FAR], a_message("bakery"))
    await beyond.wait_for(lambda each: each.subject == "by smtp", SECONDS)
    await beyond.wait_for(lambda each: each.subject == "by a script", SECONDS)
    await internet.wait_for(lambda each: each.subject == "bakery", SECONDS)
    await idle(postfix)
    assert (await agent.observe(redirect)).relayed == 2
    assert f"sasl_username={USER}" in smarthost.log.read_text()
    table = postfix.config_dir / "plazo-smarthost-logins"
    assert SECRET in table.read_text()
    assert table.stat().st_mode & 0o777 == 0o600
    said = [postfix.log.read_text(), smarthost.log.read_text(), caplog.text, repr(seen)]
    said += [each.read_text() for each in postfix.config_dir.iterdir() if each != table]
    assert not any(SECRET in each for each in said)
    await agent.lift(lifted(redirect))
    assert not table.exists()


async def test_nobody_accuses_somebody_else_to_the_smarthost(
    postfix: PostfixHost, beyond: Inbox, smarthost: PostfixHost, agent: MailHost, tmp_path: Path
) -> None:
    a_login(tmp_path)
    await agent.apply(a_redirect(f"mailchannels:{through(smarthost)}"))
    message = a_message("forged")
    message["X-AuthUser"] = "somebody@else.example"
    await postfix.submit(SHOP, [FAR], message)
    there = await beyond.wait_for(lambda each: each.subject == "forged", SECONDS)
    assert "X-AuthUser" not in there.message


async def test_a_smarthost_that_wants_it_is_told_who_sent(
    postfix: PostfixHost, beyond: Inbox, login: Logins, smarthost: PostfixHost, agent: MailHost,
    tmp_path: Path,
) -> None:  # fmt: skip
    a_login(tmp_path)
    await login.offered_by(postfix)
    await setup(postfix, "smtpd_sasl_authenticated_header = yes")
    seen = await agent.apply(a_redirect(f"mailchannels:{through(smarthost)}"))
    assert "learns no authenticated users" not in seen.detail
    await aiosmtplib.send(
        a_message("by smtp"), sender=SHOP, recipients=[FAR], hostname="localhost",
        port=postfix.port, start_tls=True, tls_context=ssl.create_default_context(
            cafile=str(login.authority)
        ), username=USER, password=SECRET,
    )  # fmt: skip
    await postfix.submit_locally(SHOP, [FAR], a_message("by a script"))
    by_smtp = await beyond.wait_for(lambda each: each.subject == "by smtp", SECONDS)
    by_script = await beyond.wait_for(lambda each: each.subject == "by a script", SECONDS)
    assert by_smtp.message.get_all("X-AuthUser") == [USER]
    assert by_script.message.get_all("X-AuthUser") == [f"uid-{os.getuid()}"]


async def test_a_refused_login_puts_mail_off_until_it_is_mended(
    postfix: PostfixHost, beyond: Inbox, smarthost: PostfixHost, agent: MailHost, tmp_path: Path
) -> None:
    a_login(tmp_path, "an-older-secret")
    redirect = a_redirect(through(smarthost))
    await agent.apply(redirect)
    await postfix.submit(SHOP, [FAR], a_message("waits"))
    await put_off(postfix, "SASL authentication failed")
    a_login(tmp_path)
    await arrived(agent, redirect, beyond, 1)
    await idle(postfix)
    assert beyond.subjects() == ["waits"]


async def test_a_certificate_of_somebody_else_gets_neither_mail_nor_login(
    postfix: PostfixHost, beyond: Inbox, smarthost: PostfixHost, agent: MailHost, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    ours = (await postfix.command("postconf", "-h", "smtp_tls_CAfile")).strip()
    await setup(postfix, f"smtp_tls_CAfile = {other}")
    a_login(tmp_path)
    redirect = a_redirect(through(smarthost))
    await agent.apply(redirect)
    await postfix.submit(SHOP, [FAR], a_message("waits"))
    await put_off(postfix, "Server certificate not verified")
    assert "sasl_username" not in smarthost.log.read_text()
    await setup(postfix, f"smtp_tls_CAfile = {ours}")
    await arrived(agent, redirect, beyond, 1)
    await idle(postfix)
    assert beyond.subjects() == ["waits"]


async def test_a_smarthost_that_offers_no_tls_gets_nothing(
    postfix: PostfixHost, login: Logins, agent: MailHost, tmp_path: Path
) -> None:
    async with Inbox("smarthost.example") as plain:
        a_login(tmp_path)
        await agent.apply(a_redirect(f"localhost:{plain.port}"))
        await postfix.submit(SHOP, [FAR], a_message("waits"))
        await put_off(postfix, "TLS is required, but was not offered")
        assert plain.messages == []


async def test_what_a_smarthost_puts_off_waits_and_goes_once(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    answer = "451 4.7.1 slow down"
    async with Picky(to_data=[answer, answer], to_recipients={}) as smarthost:
        redirect = a_redirect(smarthost.address)
        await agent.apply(redirect)
        await postfix.submit(SHOP, [FAR], a_message("waits"))
        await arrived(agent, redirect, smarthost, 3)
        await idle(postfix)
        # Two that it put off, and the one that it took.
        assert smarthost.subjects() == ["waits"] * 3
        assert (await agent.observe(redirect)).relayed == 1
        assert internet.messages == []


async def test_what_a_smarthost_refuses_is_held_and_released_at_the_clients_word(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    async with Picky(to_data=["550 5.7.1 looks like spam"] * 2, to_recipients={}) as smarthost:
        redirect = a_redirect(smarthost.address, Scope.SERVER)
        await agent.apply(redirect)
        await postfix.submit(SHOP, [FAR], a_message("spam"))
        await postfix.submit(OTHER, [FAR], a_message("looks like it"))
        seen = await observed_holding(agent, redirect, 2)
        assert "the smarthost refuses 2, on hold" in seen.detail
        assert await names_in(postfix) == {SHOP: "hold", OTHER: "hold"}
        over = await agent.lift(replace(lifted(redirect), discard_senders=(SHOP,)))
        assert {each.sender: each.fate for each in over.messages} == {
            SHOP: Fate.DISCARDED, OTHER: Fate.DELIVERED,
        }  # fmt: skip
        await internet.wait_for(lambda each: each.subject == "looks like it", SECONDS)
        await idle(postfix)
        assert (len(internet.messages), postfix.delivered(), over.relayed) == (1, [], 0)


async def test_a_smarthost_that_is_away_keeps_mail_waiting_and_a_lift_sends_it_directly(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    async with Inbox() as gone:
        address = gone.address
    await agent.apply(a_redirect(address, Scope.SERVER))
    await postfix.submit(OTHER, [FAR], a_message("waits"))
    await put_off(postfix, "Connection refused")
    assert await names_in(postfix) == {OTHER: "deferred"}
    await agent.lift(lifted(a_redirect(address, Scope.SERVER)))
    await internet.wait_for(lambda each: each.subject == "waits", SECONDS)
    await idle(postfix)
    assert len(internet.messages) == 1


async def test_a_login_that_is_taken_away_later_spoils_no_other_measure(
    postfix: PostfixHost, beyond: Inbox, smarthost: PostfixHost, agent: MailHost, tmp_path: Path
) -> None:
    file = a_login(tmp_path)
    redirect = a_redirect(through(smarthost))
    await agent.apply(redirect)
    file.unlink()
    again = postfix.mail_host(tmp_path)
    await again.apply(a_hold("bakery.example"))
    assert "the login for localhost is gone" in (await again.observe(redirect)).detail
    await postfix.submit(OTHER, [FAR], a_message("held"))
    await postfix.submit(SHOP, [FAR], a_message("goes on"))
    await observed_holding(again, a_hold("bakery.example"), 1)
    await beyond.wait_for(lambda each: each.subject == "goes on", SECONDS)


async def test_a_login_that_others_can_read_is_not_used(
    postfix: PostfixHost, login: Logins, agent: MailHost, tmp_path: Path
) -> None:
    a_login(tmp_path, mode=0o644)
    with pytest.raises(NoLogin, match="chmod 600"):
        await agent.apply(a_redirect("localhost:587"))
    assert not (postfix.config_dir / "plazo-smarthost-logins").exists()


async def test_a_login_for_an_address_without_a_name_is_refused(
    postfix: PostfixHost, agent: MailHost, tmp_path: Path
) -> None:
    (tmp_path / LOGINS).mkdir()
    file = tmp_path / LOGINS / "::1"
    file.write_text(f"{USER}:{SECRET}\n")
    file.chmod(0o600)
    with pytest.raises(CannotCarryOut, match="give the smarthost by its name"):
        await agent.apply(a_redirect("[::1]:587"))
