"""What the tests of a private Postfix share: measures, mail, waiting, and a login service."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from agents.mta.port import MailHost
from domain.hosts import Desired, Observation, Wanted
from domain.measures import Measure, Restriction, Scope
from tests.real import dovecot
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost, available

SHOP, OTHER, FAR = "info@shop.example", "info@bakery.example", "friend@far.example"
USER, SECRET = "relay@provider.example", "secret-of-a-test"
SECONDS = 90.0

SLOW = ("queue_run_delay = 1h", "minimal_backoff_time = 1h", "maximal_backoff_time = 1h")
"""Settings of a Postfix that by itself tries nothing twice."""


def needs_postfix() -> None:
    _needs(available())


def needs_dovecot() -> None:
    _needs(dovecot.available())


def _needs(why: str | None) -> None:
    if why is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def a_message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = SHOP
    message.set_content("Hello.")
    return message


def a_measure(
    measure: Measure, *targets: str, key: str | None = None, scope: Scope = Scope.DOMAIN
) -> Desired:
    restriction = Restriction(measure=measure, scope=scope, targets=targets or ("shop.example",))
    return Desired(key=key or str(measure), restriction=restriction, wanted=Wanted.APPLIED)


def a_hold(*domains: str) -> Desired:
    """A hold of shop.example, or of the domains given."""
    return a_measure(Measure.HOLD_DOMAIN, *domains, key="hold")


def a_server_hold() -> Desired:
    return a_measure(Measure.HOLD_SERVER, "mx.host.example", key="server", scope=Scope.SERVER)


def a_limit(hourly: int, *domains: str, key: str = "limit") -> Desired:
    return replace(a_measure(Measure.RATE_LIMIT, *domains, key=key), hourly_limit=hourly)


def a_server_limit(hourly: int) -> Desired:
    limit = a_measure(Measure.RATE_LIMIT, "mx.host.example", key="all", scope=Scope.SERVER)
    return replace(limit, hourly_limit=hourly)


def a_redirect(through: str, scope: Scope = Scope.DOMAIN) -> Desired:
    redirect = a_measure(Measure.SMARTHOST_REDIRECT, key="redirect", scope=scope)
    return replace(redirect, smarthost=through)


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await fact():  # noqa: ASYNC110 - Postfix tells nobody
            await asyncio.sleep(0.1)


async def observed_holding(agent: MailHost, measure: Desired, count: int) -> Observation:
    """What the agent sees once it holds so many messages."""
    seen = await agent.observe(measure)
    async with asyncio.timeout(SECONDS):
        while sum(1 for each in seen.messages if each.fate is None) != count:
            await asyncio.sleep(0.1)
            seen = await agent.observe(measure)
    return seen


async def arrived(agent: MailHost, measure: Desired, inbox: Inbox, count: int) -> None:
    """Look after a measure until so many messages are at the far end."""

    async def there() -> bool:
        await agent.observe(measure)
        return len(inbox.messages) >= count

    await until(there)


async def names_in(postfix: PostfixHost) -> dict[str, str]:
    """Each queued message's place, by sender."""
    return {each["sender"]: each["queue_name"] for each in await postfix.queue()}


async def idle(postfix: PostfixHost) -> None:
    """Wait until everything that is not on hold has left the queue."""

    async def done() -> bool:
        return all(each["queue_name"] == "hold" for each in await postfix.queue())

    await until(done)


async def deferred(postfix: PostfixHost, count: int = 1) -> None:
    """Wait until so many messages wait for another attempt, and none is on its way."""

    async def done() -> bool:
        return [each["queue_name"] for each in await postfix.queue()] == ["deferred"] * count

    await until(done)


async def setup(postfix: PostfixHost, *settings: str) -> None:
    """Change main.cf as an administrator does."""
    await postfix.command("postconf", "-e", *settings)
    await postfix.command("postfix", "reload")


@dataclass(frozen=True, kw_only=True)
class Logins:
    """Dovecot's login service, and a certificate for `localhost`."""

    home: Path

    async def offered_by(self, postfix: PostfixHost) -> None:
        """Have a Postfix offer TLS and AUTH, and relay for those who log in and nobody else."""
        await setup(
            postfix,
            "smtpd_sasl_type = dovecot",
            f"smtpd_sasl_path = {self.home}/login",
            "smtpd_sasl_auth_enable = yes",
            "smtpd_tls_security_level = may",
            "smtpd_tls_auth_only = yes",
            f"smtpd_tls_chain_files = {self.home}/server.pem",
        )

    @property
    def authority(self) -> Path:
        return self.home / "authority.pem"


@asynccontextmanager
async def logins() -> AsyncIterator[Logins]:
    home = Path(tempfile.mkdtemp(prefix="sasl"))
    home.chmod(0o755)  # noqa: ASYNC240
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(home / "authority.pem"))
    pem = authority.issue_cert("localhost").private_key_and_cert_chain_pem
    pem.write_to_path(str(home / "server.pem"))
    (home / "users").write_text(f"{USER}:{{PLAIN}}{SECRET}\n")
    (home / "dovecot.conf").write_text(_CONF.format(home=home))
    process = await asyncio.create_subprocess_exec(
        "dovecot", "-F", "-c", str(home / "dovecot.conf"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            while not (home / "login").exists():  # noqa: ASYNC110 - Dovecot tells nobody
                await asyncio.sleep(0.05)
        yield Logins(home=home)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        shutil.rmtree(home)


_CONF = """\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols =
ssl = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
service auth {{
  unix_listener {home}/login {{
    mode = 0666
  }}
}}
"""
