"""Large receivers that refuse, whole: a real mail server and its log, the agent, HTTP, the book."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from agents.detection.detector import Caps
from agents.detection.watch import Watch, WatchRhythm
from agents.host import HostAgent, Rhythm
from agents.link import Link
from agents.mta.exim.binding import bindings as exim_bindings
from agents.mta.exim.commands import Commands as EximCommands
from agents.mta.leaving import Leaving, by_the_kernel
from agents.mta.port import MailHost
from agents.mta.postfix.binding import bindings as postfix_bindings
from agents.mta.postfix.commands import Commands as PostfixCommands
from agents.mta.traffic import TrafficLog, traffic_log
from book.database import transaction
from book.incident import measures
from tests.domain.test_refused import HOST as OUTLOOK
from tests.domain.test_refused import S3150
from tests.gateway.test_agents import served
from tests.gateway.world import INCIDENT, World, a_world
from tests.real.exim.host import PROGRAMS, EximHost
from tests.real.exim.host import available as exim_available
from tests.real.namespaces import Namespace, a_network
from tests.real.postfix import needs_postfix
from tests.real.secluded import SecludedPostfix, secluded
from workers.demo.inbox import listen
from workers.demo.postfix_host import PostfixHost

pytestmark = pytest.mark.real

SECONDS = 60.0
SHOP = "info@shop.example"


@dataclass
class Receiver:
    """A large receiver's server: refuses with an answer, or takes what comes."""

    answer: str = S3150
    taken: list[str] = field(default_factory=list)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.answer:
            return self.answer
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.extend(envelope.rcpt_tos)
        return "250 2.6.0 taken"


@pytest.fixture
async def world(database: Any) -> AsyncIterator[World]:
    async with a_world(database) as made:
        yield made


@pytest.fixture(autouse=True)
def an_hour_is_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.detection.refused.HOUR", 1)


@asynccontextmanager
async def an_agent(
    world: World, server: MailHost, traffic: TrafficLog, state: Path
) -> AsyncIterator[None]:
    """mx1's agent, which was told no address of its own, once it watches."""
    stopping = asyncio.Event()
    async with transaction(world.pool) as connection:
        key = await measures.enrol(connection, "mx1")
    async with served(world.pool) as (address, _), Link(address, key) as link:
        rhythm = WatchRhythm(look=0.2, blind=0.2, first_retry=0.1, longest_retry=0.5)
        watch = Watch(link, traffic, state, caps=Caps(), rhythm=rhythm)
        agent = HostAgent(link, server, state, Rhythm(wait=1, first_retry=0.1), watch)
        running = asyncio.create_task(agent.run(stopping))
        try:
            await until(lambda: asyncio.to_thread((state / "detection.json").exists))
            yield
        finally:
            stopping.set()
            await running


async def until(fact: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await fact():  # noqa: ASYNC110 - mail servers tell nobody
            await asyncio.sleep(0.1)


def a_message() -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = "offer", SHOP
    message.set_content("Hello.")
    return message


async def stands(world: World) -> list[tuple[str, str]]:
    rows = await world.pool.fetch(
        "SELECT subject, zone FROM listings WHERE incident = $1 AND cleared_at IS NULL", INCIDENT
    )
    return [(row["subject"], row["zone"]) for row in rows]


async def is_over(world: World) -> bool:
    return bool(await world.pool.fetchval("SELECT true FROM listings WHERE cleared_at IS NOT NULL"))


async def test_postfix_is_refused_by_outlook_until_outlook_takes_its_mail_again(
    world: World, tmp_path: Path
) -> None:
    needs_postfix()
    outlook = Receiver()
    server = await listen(outlook, OUTLOOK)
    try:
        async with (
            secluded({OUTLOOK: "127.0.0.1"}) as there,
            SecludedPostfix(there, next_hop=f"{OUTLOOK}:{server.port}") as postfix,
        ):
            traffic = traffic_log(f"postfix:{postfix.config_dir}")
            assert traffic is not None
            async with an_agent(world, postfix.mail_host(tmp_path), traffic, tmp_path):
                await postfix.submit(SHOP, ["ana@hotmail.example"], a_message())
                await until(lambda: stands(world))
                assert await stands(world) == [("192.0.2.7", "microsoft-mail")]
                outlook.answer = ""
                await postfix.submit(SHOP, ["ana@hotmail.example"], a_message())
                await until(lambda: is_over(world))
                assert await stands(world) == []
    finally:
        await server.close()
    assert outlook.taken == ["ana@hotmail.example"]
    assert await world.pool.fetchval("SELECT count(*) FROM incidents") == 1
    for row in await world.pool.fetch("SELECT body FROM evidence"):
        assert b"hotmail.example" not in row["body"]


class SecludedExim(EximHost):
    """An Exim on another machine's network, that delivers what scripts hand it and listens not."""

    prefix: tuple[str, ...] = ()

    @property
    def _exim(self) -> tuple[str, ...]:
        return (*self.prefix, *super()._exim)

    async def start(self) -> None:
        await self.command("-bV")


@pytest.fixture
def network() -> Any:
    with a_network() as made:
        yield made.client


@pytest.fixture
def exim_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    if (why := exim_available()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")


@pytest.mark.usefixtures("exim_is_here")
async def test_exim_is_refused_by_outlook_until_outlook_takes_its_mail_again(
    world: World, network: Namespace, tmp_path: Path
) -> None:
    outlook = Receiver()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(outlook, hostname=OUTLOOK, loop=loop), sock=network.listens("192.0.2.9", 2525)
    )
    try:
        async with secluded({OUTLOOK: "192.0.2.9"}) as there:
            exim = SecludedExim(next_hop=f"{OUTLOOK}:2525", local_domain="shop.example")
            exim.prefix = (*there, "nsenter", f"--net=/run/netns/{network.name}", "--")
            async with exim:
                traffic = traffic_log(f"exim:{exim.config_dir}")
                assert traffic is not None
                exim.log.touch()
                exim.log.chmod(0o666)
                async with an_agent(world, exim.mail_host(tmp_path), traffic, tmp_path):
                    await exim.submit_locally(SHOP, ["ana@hotmail.example"], a_message())
                    await until(lambda: stands(world))
                    assert await stands(world) == [("192.0.2.7", "microsoft-mail")]
                    outlook.answer = ""
                    await exim.submit_locally(SHOP, ["ana@hotmail.example"], a_message())
                    await until(lambda: is_over(world))
    finally:
        server.close()
        await server.wait_closed()
    assert outlook.taken == ["ana@hotmail.example"]


class StillPostfix(PostfixHost):
    """A Postfix that is configured and does not run."""

    async def start(self) -> None:
        pass


async def test_postfix_says_which_of_its_clients_sends_from_where() -> None:
    needs_postfix()
    async with StillPostfix(next_hop="127.0.0.1:9", local_domain="shop.example") as postfix:
        commands = PostfixCommands(postfix.config_dir)
        await postfix.command("postconf", "-e", "inet_interfaces = 127.0.0.1, 192.0.2.8")
        bound = "-o smtp_bind_address=192.0.2.9 -o syslog_name=postfix/$service_name"
        line = f"second/unix=second unix - - n - - smtp {bound}"
        await postfix.command("postconf", "-Me", line)
        found = await postfix_bindings(commands)
        assert found["postfix"].towards("198.51.100.7") == "192.0.2.8"
        assert found["postfix/second"].towards("198.51.100.7") == "192.0.2.9"
        await postfix.command("postconf", "-e", "smtp_bind_address = 192.0.2.10")
        found = await postfix_bindings(PostfixCommands(postfix.config_dir))
        assert found["postfix"].towards("198.51.100.7") == "192.0.2.10"
        # Of two clients that the log calls the same, nobody can tell which one sent.
        line = "third/unix=third unix - - n - - smtp -o smtp_bind_address=192.0.2.11"
        await postfix.command("postconf", "-Me", line)
        found = await postfix_bindings(PostfixCommands(postfix.config_dir))
        assert found["postfix"] == Leaving()


@pytest.mark.usefixtures("exim_is_here")
async def test_exim_says_which_of_its_transports_sends_from_where(network: Namespace) -> None:
    exim = SecludedExim(next_hop="192.0.2.1:25", local_domain="shop.example")
    exim.prefix = network.prefix
    async with exim:
        exim.configure(
            "transport",
            "one_smtp:\n  driver = smtp\n  interface = <; 192.0.2.8 ; 2001:db8:1::9\n\n"
            "two_smtp:\n  driver = smtp\n  interface = 192.0.2.8 : 2001::db8::1::::9\n\n"
            "own_smtp:\n  driver = smtp\n  interface = ${lookup{$sender_address_domain}"
            "lsearch{/etc/mailips}{$value}fail}\n\n",
        )
        await exim.configured()
        found = await exim_bindings(EximCommands(exim.config_dir))
    both = Leaving(ip4="192.0.2.8", ip6="2001:db8:1::9")
    assert (found["one_smtp"], found["two_smtp"], found["own_smtp"]) == (both, both, Leaving())
    assert "remote_smtp" in found


def test_without_a_setting_it_is_the_kernels_choice(network: Namespace) -> None:
    assert network.within(by_the_kernel) == Leaving(ip4="192.0.2.7", ip6="2001:db8:1::9")
