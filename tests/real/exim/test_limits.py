"""Rate limits, and mail only from those who authenticate, on a real Exim."""

from dataclasses import replace
from pathlib import Path

import aiosmtplib
import pytest

from agents.mta.exim.setup import NotSetUp
from agents.mta.port import CannotCarryOut, MailHost
from domain.hosts import Desired
from domain.measures import Measure, Scope
from domain.news import Observed
from tests.agents.gateway import lifted
from tests.real.exim.host import EximHost, EximHostError
from tests.real.exim.measures import (
    FAR,
    OTHER,
    PASSING,
    SECONDS,
    SHOP,
    a_limit,
    a_measure,
    a_message,
    a_server_limit,
    idle,
    logged,
    until,
    waiting,
)
from workers.demo.inbox import Inbox

pytestmark = pytest.mark.real


def only_authenticated() -> Desired:
    return a_measure(Measure.REQUIRE_AUTHENTICATED_SMTP, Scope.SERVER, "mx.host.example")


async def required(exim: EximHost, agent: MailHost) -> None:
    """The agent's files are there, and the administrator has reloaded Exim once since."""
    with pytest.raises(NotSetUp, match="reload it once"):
        await agent.apply(only_authenticated())
    await exim.stop()
    await exim.start()
    assert (await agent.apply(only_authenticated())).observed is Observed.APPLIED


async def test_beyond_the_limit_mail_of_all_kinds_waits(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    seen = await agent.apply(a_limit(3))
    assert seen.observed is Observed.APPLIED
    for number in range(2):
        await exim.submit(SHOP, [FAR, "second@far.example"], a_message(f"smtp {number}"))
        await exim.submit_locally(SHOP, [FAR], a_message(f"script {number}"))
    await exim.submit(OTHER, [FAR], a_message("bakery"))
    await exim.submit(SHOP, ["colleague@shop.example"], a_message("internal"))
    await exim.submit(PASSING, [SHOP], a_message("inbound"))
    await internet.wait_for(lambda each: each.subject == "bakery", SECONDS)
    await logged(exim, "T=plazo_limit defer", 3)
    assert sorted(internet.subjects()) == ["bakery", "script 0", "smtp 0", "smtp 1"]
    assert {each["Subject"] for each in exim.delivered()} == {"internal", "inbound"}
    assert await waiting(exim) == [f"<{SHOP}>"]


async def test_the_count_survives_everybody(
    exim: EximHost, internet: Inbox, agent: MailHost, tmp_path: Path
) -> None:
    await agent.apply(a_limit(1))
    await exim.submit(SHOP, [FAR], a_message("first"))
    await internet.wait_for(lambda each: each.subject == "first", SECONDS)
    await exim.stop()
    await exim.start()
    await exim.mail_host(tmp_path).apply(a_limit(1))
    await exim.submit(SHOP, [FAR], a_message("second"))
    await logged(exim, "T=plazo_limit defer", 2)
    assert internet.subjects() == ["first"]


async def test_what_waited_leaves_once_there_is_room_and_no_more_than_that(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(2))
    for number in range(5):
        await exim.submit(SHOP, [FAR], a_message(f"message {number}"))
    await logged(exim, "T=plazo_limit defer", 3)
    assert len(internet.messages) == 2
    for file in (exim.home / "spool" / "db").glob("ratelimit*"):
        file.unlink()  # As if it had been an hour.

    async def four() -> bool:
        return len(internet.messages) >= 4

    await until(four)
    before = exim.log.read_text().count("T=plazo_limit defer")
    await logged(exim, "T=plazo_limit defer", before + 2)
    assert len(internet.messages) == len(set(internet.subjects())) == 4


async def test_what_the_last_hour_let_pass_counts_from_one_ten_minutes_to_the_next(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(2))
    file = exim.plazo / "acl.conf"
    later = file.read_text()

    def after(times: int) -> None:
        """Have Exim believe that so often ten minutes are over."""
        file.write_text(later.replace("$tod_epoch/600", f"($tod_epoch/600+{times})"))

    await exim.submit(SHOP, [FAR], a_message("first"))
    await internet.wait_for(lambda each: each.subject == "first", SECONDS)
    after(1)
    await exim.submit(SHOP, [FAR], a_message("second"))
    await internet.wait_for(lambda each: each.subject == "second", SECONDS)
    after(6)
    await exim.submit(SHOP, [FAR], a_message("third"))
    await logged(exim, "T=plazo_limit defer")
    after(7)
    await internet.wait_for(lambda each: each.subject == "third", SECONDS)
    assert len(internet.messages) == 3


async def test_a_domains_limit_and_its_servers_both_hold(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await agent.apply(a_limit(1))
    await agent.apply(a_server_limit(2))
    for number in range(2):
        await exim.submit(SHOP, [FAR], a_message(f"shop {number}"))
    for number in range(2):
        await exim.submit(OTHER, [FAR], a_message(f"bakery {number}"))
    await logged(exim, "T=plazo_limit defer", 4)
    assert sorted(internet.subjects()) == ["bakery 0", "shop 0"]


async def test_what_waited_for_a_limit_leaves_at_once_when_it_is_lifted(
    internet: Inbox, tmp_path: Path
) -> None:
    async with EximHost(
        next_hop=internet.address, local_domain="shop.example", queue_every="1h"
    ) as exim:
        agent = exim.mail_host(tmp_path)
        await agent.apply(a_limit(0))
        await exim.submit(SHOP, [FAR], a_message("waits"))
        await logged(exim, "T=plazo_limit defer")
        await agent.lift(lifted(a_limit(0)))
        await internet.wait_for(lambda each: each.subject == "waits", SECONDS)


async def test_a_limit_without_a_number_is_refused(exim: EximHost, agent: MailHost) -> None:
    with pytest.raises(CannotCarryOut, match="no number of messages"):
        await agent.apply(replace(a_limit(1), hourly_limit=None))


async def test_only_who_authenticates_sends_to_the_outside(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await required(exim, agent)
    with pytest.raises(EximHostError, match="needs SMTP with authentication"):
        await exim.submit_locally(SHOP, [FAR], a_message("by a script"))
    with pytest.raises(EximHostError, match="needs SMTP with authentication"):
        await exim.submit_locally(SHOP, [SHOP, FAR], a_message("to both"))
    with pytest.raises(aiosmtplib.SMTPDataError, match="needs SMTP with authentication"):
        await exim.submit(SHOP, [FAR], a_message("from this machine"))
    await exim.submit_locally(SHOP, ["colleague@shop.example"], a_message("internal"))
    await exim.submit(PASSING, [SHOP], a_message("inbound"))
    await exim.submit(SHOP, [FAR], a_message("authenticated"), login=True)
    await internet.wait_for(lambda each: each.subject == "authenticated", SECONDS)
    await idle(exim)
    assert internet.subjects() == ["authenticated"]
    assert {each["Subject"] for each in exim.delivered()} == {"internal", "inbound"}
    await agent.lift(lifted(only_authenticated()))
    await exim.submit_locally(SHOP, [FAR], a_message("by a script"))
    await internet.wait_for(lambda each: each.subject == "by a script", SECONDS)


async def test_without_our_hooks_it_is_said_and_acls_of_the_administrators_own_will_do(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    main = exim.config_dir / "conf.d" / "main" / "00_plazo"
    without = main.read_text().replace("hooks.conf", "nothing.conf")
    theirs = without + "acl_not_smtp = theirs\nacl_smtp_predata = plazo_predata\n"
    main.write_text(theirs)
    exim.configure("acl", "theirs:\n  accept\n")
    await exim.configured()
    with pytest.raises(NotSetUp, match="acl_not_smtp does not ask our ACL"):
        await agent.apply(only_authenticated())
    exim.configure("acl", "theirs:\n  deny acl = plazo_refuses\n  accept\n")
    await exim.configured()
    await required(exim, agent)
    with pytest.raises(EximHostError):
        await exim.submit_locally(SHOP, [FAR], a_message("by a script"))
    with pytest.raises(aiosmtplib.SMTPDataError, match="needs SMTP with authentication"):
        await exim.submit(SHOP, [FAR], a_message("from this machine"))
    await exim.submit("x@far.example", ["fail@shop.example"], a_message("refused"))
    await internet.wait_for(lambda each: "delivery failed" in each.subject, SECONDS)
    with pytest.raises(aiosmtplib.SMTPDataError, match="needs SMTP with authentication"):
        await exim.submit("", [FAR], a_message("as if it were a bounce"))


async def test_a_daemon_that_is_to_be_reloaded_spoils_no_other_measure(
    exim: EximHost, agent: MailHost
) -> None:
    await required(exim, agent)
    (exim.plazo / "acl.conf").unlink()
    seen = await agent.apply(a_limit(0))
    assert "reload it once" in seen.detail
    await exim.submit(SHOP, [FAR], a_message("waits"), login=True)
    await logged(exim, "T=plazo_limit defer")


async def test_mail_that_was_in_the_queue_is_not_refused_afterwards(
    exim: EximHost, internet: Inbox, agent: MailHost
) -> None:
    await exim.command("-odq", "-f", SHOP, FAR, given=b"Subject: before\n\n")
    await required(exim, agent)
    await internet.wait_for(lambda each: each.subject == "before", SECONDS)
    assert exim.delivered() == []


async def test_bounces_are_still_told(exim: EximHost, internet: Inbox, agent: MailHost) -> None:
    await required(exim, agent)
    await exim.submit("x@far.example", ["fail@shop.example"], a_message("refused"))
    bounce = await internet.wait_for(lambda each: "delivery failed" in each.subject, SECONDS)
    assert (bounce.recipients, b"nobody of that name" in bounce.content) == (
        ("x@far.example",),
        True,
    )
