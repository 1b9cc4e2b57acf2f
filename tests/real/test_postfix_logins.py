"""`require_authenticated_smtp` on a real Postfix with a real login service."""

import asyncio
from collections.abc import AsyncIterator

import aiosmtplib
import pytest

from agents.mta.port import CannotCarryOut, MailHost
from domain.measures import Measure, Scope
from tests.agents.gateway import lifted
from tests.real.postfix import (
    FAR,
    SECONDS,
    SECRET,
    SHOP,
    USER,
    Logins,
    a_measure,
    a_message,
    logins,
    needs_dovecot,
    setup,
)  # fmt: skip
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost, PostfixHostError

pytestmark = pytest.mark.real

REQUIRED = a_measure(
    Measure.REQUIRE_AUTHENTICATED_SMTP, "mx.host.example", key="auth", scope=Scope.SERVER
)


@pytest.fixture
async def login(postfix: PostfixHost) -> AsyncIterator[Logins]:
    needs_dovecot()
    async with logins() as service:
        await service.offered_by(postfix)
        yield service


async def by_login(postfix: PostfixHost, service: Logins, recipient: str, subject: str) -> None:
    await aiosmtplib.send(
        a_message(subject), sender=SHOP, recipients=[recipient], hostname="localhost",
        port=postfix.port, username=USER, password=SECRET, start_tls=True,
        cert_bundle=str(service.authority),
    )  # fmt: skip


async def by_script(postfix: PostfixHost, recipient: str, subject: str) -> None:
    """As PHP's mail() does it, for an instance that is the machine's own: in a mount namespace,
    because the sendmail command takes another one's `-C` from root only."""
    process = await asyncio.create_subprocess_exec(
        "unshare", "--mount", "sh", "-c", _AS_NOBODY, str(postfix.config_dir),
        "sendmail", "-i", "-f", SHOP, "--", recipient,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate(a_message(subject).as_bytes())
    if process.returncode:
        raise PostfixHostError(err.decode())


_AS_NOBODY = (
    'mount --bind "$0" /etc/postfix && '
    'exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"'
)


async def test_who_logs_in_and_what_comes_in_goes_on_and_everybody_else_is_refused(
    postfix: PostfixHost, internet: Inbox, agent: MailHost, login: Logins
) -> None:
    await by_script(postfix, FAR, "script before")
    await postfix.submit(SHOP, [FAR], a_message("smtp before"))
    await internet.wait_for(lambda each: each.subject == "script before", SECONDS)
    await internet.wait_for(lambda each: each.subject == "smtp before", SECONDS)
    await agent.apply(REQUIRED)
    with pytest.raises(PostfixHostError, match="not allowed to submit mail"):
        await by_script(postfix, FAR, "script")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await postfix.submit(SHOP, [FAR], a_message("smtp"))
    assert "Relay access denied" in refused.value.recipients[0].message
    await postfix.submit(FAR, [SHOP], a_message("inbound"))
    await by_login(postfix, login, FAR, "logged in")
    await internet.wait_for(lambda each: each.subject == "logged in", SECONDS)
    await agent.lift(lifted(REQUIRED))
    await by_script(postfix, FAR, "script after")
    await postfix.submit(SHOP, [FAR], a_message("smtp after"))
    await internet.wait_for(lambda each: each.subject == "script after", SECONDS)
    await internet.wait_for(lambda each: each.subject == "smtp after", SECONDS)
    assert [each["Subject"] for each in postfix.delivered()] == ["inbound"]
    assert len(internet.messages) == 5


async def test_what_an_administrator_allowed_is_as_it_was_at_the_end(
    postfix: PostfixHost, agent: MailHost, login: Logins
) -> None:
    await setup(postfix, "authorized_submit_users = !games, static:all")
    names = ("authorized_submit_users", "smtpd_relay_restrictions")
    before = await postfix.command("postconf", "-h", *names)
    await agent.apply(REQUIRED)
    assert await postfix.command("postconf", "-h", *names) != before
    await postfix.command("postconf", "-e", "authorized_submit_users = !games, static:all")
    await agent.observe(REQUIRED)
    with pytest.raises(PostfixHostError, match="not allowed to submit mail"):
        await by_script(postfix, FAR, "drift")
    await agent.lift(lifted(REQUIRED))
    assert await postfix.command("postconf", "-h", *names) == before


async def test_where_nobody_could_log_in_it_is_not_carried_out(
    postfix: PostfixHost, internet: Inbox, agent: MailHost
) -> None:
    with pytest.raises(CannotCarryOut, match="no service of this Postfix offers AUTH"):
        await agent.apply(REQUIRED)
    await postfix.submit(SHOP, [FAR], a_message("as before"))
    await internet.wait_for(lambda each: each.subject == "as before", SECONDS)


async def test_mail_that_a_filter_hands_back_would_be_refused_so_it_is_not_carried_out(
    postfix: PostfixHost, agent: MailHost, login: Logins
) -> None:
    name = f"127.0.0.1:{postfix.port}/inet"
    await postfix.command("postconf", "-Pe", f"{name}/content_filter=")
    with pytest.raises(CannotCarryOut, match="takes mail back from a content filter"):
        await agent.apply(REQUIRED)


async def test_a_service_with_restrictions_of_its_own_is_named(
    postfix: PostfixHost, agent: MailHost, login: Logins
) -> None:
    name = f"127.0.0.1:{postfix.port}/inet"
    own = f"{name}/smtpd_relay_restrictions=permit_mynetworks,reject"
    await postfix.command("postconf", "-Pe", own)
    assert f"{name} has its own smtpd_relay_restrictions" in (await agent.apply(REQUIRED)).detail
