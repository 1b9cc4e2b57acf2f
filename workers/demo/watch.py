"""Looking at the demo from outside: the audit chain as it grows, the portal, the ledger, DNS."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import dns.asyncresolver
import dns.resolver
import httpx
from asyncpg import Pool

from book.beside import beside
from book.database import transaction
from book.incident import audit
from domain.units import Money
from workers.demo.clientele import ADDRESS
from workers.demo.inbox import Arrived
from workers.demo.timeline import NotSeen, Timeline
from workers.demo.world import ZONE, World

PATIENCE = 30.0
"""Seconds until something that should be seen has not been."""

_PAUSE = 0.1

_LINK = re.compile(r"https?://\S+/c/\S+")


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Eyes outside of Plazo. Each `…` raises NotSeen when there is nothing to see in time."""

    world: World
    pool: Pool
    timeline: Timeline
    incident: str

    async def until(self, what: str, true: Callable[[], Awaitable[bool]]) -> None:
        """Look until it is so, and say that it was seen."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not await true():  # noqa: ASYNC110 - it looks at other programs
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise NotSeen(f"not seen within {PATIENCE:.0f} s: {what}") from None
        self.timeline.saw(what)

    async def stage(self, *stages: str) -> None:
        """Wait until the incident has come to one of these stages."""

        async def there() -> bool:
            query = "SELECT stage FROM incidents WHERE id = $1"
            return await self.pool.fetchval(query, self.incident) in stages

        await self.until(f"the incident is at stage {' or '.join(stages)}", there)

    async def joined(self, report: str) -> None:
        """Wait until a report that was accepted has been read, and is one of the incident's."""

        async def there() -> bool:
            query = "SELECT incident FROM reports WHERE id = $1::text || '/0'"
            return bool(await self.pool.fetchval(query, report) == self.incident)

        await self.until("the report was read and has joined the incident", there)

    async def mail(self, part: str, *, show: int = 0) -> Arrived:
        """A letter to the client whose subject has `part`; shows its first `show` lines."""
        try:
            arrived = await self.world.client.wait_for(lambda m: part in m.subject, PATIENCE)
        except TimeoutError:
            raise NotSeen(f'no letter with "{part}" reached the client') from None
        self.timeline.saw(f'in the client\'s inbox: "{arrived.subject}"')
        if show:
            self.timeline.letter("\n".join(body_of(arrived).splitlines()[:show]))
        return arrived

    async def charges(self) -> list[str]:
        """The ledger's rows of the incident."""
        rows = await self.pool.fetch(
            "SELECT kind, amount, currency, state FROM charges WHERE incident = $1 ORDER BY key",
            self.incident,
        )
        return [
            f"{row['kind']} {Money.of(row['amount'], row['currency'])}, {row['state']}"
            for row in rows
        ]

    async def chain_is_whole(self) -> int:
        """Recompute the audit chain; how many entries it has. Raises NotSeen where it is broken."""
        async with self.pool.acquire() as connection:
            broken = await audit.broken(connection, self.incident)
            entries = await audit.chain(connection, self.incident)
        if broken is not None or not entries:
            raise NotSeen(f"the audit chain is not whole: {broken or 'it is empty'}")
        return len(entries)


def body_of(arrived: Arrived) -> str:
    """The plain text of a letter."""
    part = arrived.message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(arrived: Arrived) -> str:
    """The portal's link in a letter."""
    found = _LINK.search(body_of(arrived))
    if found is None:
        raise NotSeen("the letter has no link to the portal")
    return found[0]


async def is_listed(world: World) -> bool:
    """Whether the blocklist's own DNS server names the address."""
    host, _, port = world.blocklist.address.rpartition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], int(port)
    name = ".".join(reversed(ADDRESS.split("."))) + f".{ZONE}"
    try:
        await resolver.resolve(name, "A")
    except dns.resolver.NXDOMAIN:
        return False
    return True


async def page_at(url: str) -> str:
    """A page of the portal. Raises NotSeen when there is none."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(url)
    if not answer.is_success:
        raise NotSeen(f"the portal answered {answer.status_code}")
    return answer.text


async def post(url: str, **form: str | list[str]) -> None:
    """Send one of the portal's forms, as a browser does. Raises NotSeen when it is refused."""
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, data=form)
    if not answer.is_success:
        raise NotSeen(f"the portal answered {answer.status_code}: {answer.text[:300]}")


@asynccontextmanager
async def told(pool: Pool, incident: str, timeline: Timeline) -> AsyncIterator[None]:
    """Tell every decision of the incident while the block lasts, as it comes onto the chain."""
    async with beside(_tell(pool, incident, timeline)):
        yield
        await asyncio.sleep(3 * _PAUSE)


async def _tell(pool: Pool, incident: str, timeline: Timeline) -> None:
    last = 0
    while True:
        async with transaction(pool) as connection:
            rows = await connection.fetch(
                "SELECT seq, body FROM audit WHERE incident = $1 AND seq > $2 ORDER BY seq",
                incident,
                last,
            )
        for row in rows:
            last = row["seq"]
            body = json.loads(row["body"])
            if body["kind"] == "decision":
                timeline.tells(body["what"], *body["reasons"])
        await asyncio.sleep(_PAUSE)
