"""What the tests on a private Exim share: measures, mail, and waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage

from agents.mta.port import MailHost
from domain.hosts import Desired, Observation, Wanted
from domain.measures import Measure, Restriction, Scope
from tests.real.exim.host import EximHost

SHOP, OTHER, FAR = "info@shop.example", "info@bakery.example", "friend@far.example"
PASSING = "passing@elsewhere.example"
SECONDS = 20.0


def a_message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = SHOP
    message.set_content("Hello.")
    return message


def a_measure(measure: Measure, scope: Scope, *targets: str, **more: object) -> Desired:
    restriction = Restriction(measure=measure, scope=scope, targets=targets or ("shop.example",))
    return Desired(key=f"{measure}-{scope}", restriction=restriction, wanted=Wanted.APPLIED, **more)  # type: ignore[arg-type]


def a_hold(*domains: str) -> Desired:
    """A hold of shop.example, or of the domains given."""
    return a_measure(Measure.HOLD_DOMAIN, Scope.DOMAIN, *domains)


def a_server_hold() -> Desired:
    return a_measure(Measure.HOLD_SERVER, Scope.SERVER, "mx.host.example")


def a_redirect(through: str, scope: Scope = Scope.DOMAIN) -> Desired:
    return a_measure(Measure.SMARTHOST_REDIRECT, scope, smarthost=through)


def a_limit(hourly: int, *domains: str) -> Desired:
    return a_measure(Measure.RATE_LIMIT, Scope.DOMAIN, *domains, hourly_limit=hourly)


def a_server_limit(hourly: int) -> Desired:
    return a_measure(Measure.RATE_LIMIT, Scope.SERVER, "mx.host.example", hourly_limit=hourly)


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await fact():  # noqa: ASYNC110 - Exim tells nobody
            await asyncio.sleep(0.1)


async def observed_holding(agent: MailHost, measure: Desired, count: int) -> Observation:
    """What the agent sees once it holds so many messages."""
    seen = await agent.observe(measure)
    async with asyncio.timeout(SECONDS):
        while sum(1 for each in seen.messages if each.fate is None) != count:
            await asyncio.sleep(0.1)
            seen = await agent.observe(measure)
    return seen


async def held(exim: EximHost) -> list[str]:
    return sorted((await exim.queue("plazo")).values())


async def waiting(exim: EximHost) -> list[str]:
    return sorted((await exim.queue()).values())


async def idle(exim: EximHost) -> None:
    """Wait until everything that is not on hold has left the queue."""

    async def done() -> bool:
        return all("frozen" in each for each in await waiting(exim))

    await until(done)


async def logged(exim: EximHost, words: str, times: int = 1) -> None:
    """Wait until Exim has said it so often."""

    async def done() -> bool:
        return exim.log.read_text().count(words) >= times

    await until(done)
