"""What an incident touches outside of Plazo, on loopback: inboxes, a blocklist, mail hosts' agents.

Stand-ins where the figure is Plazo's own: an agent here reports at once what a real one would
report after it has reloaded a mail server. Servers where Plazo speaks a protocol: SMTP and DNS.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session
from asyncpg import Pool

from book.beside import beside
from book.database import transaction
from book.incident import measures
from book.listen import listen as listen_to
from domain.hosts import Observation, Wanted
from domain.news import Observed
from workers.demo.blocklist import BlocklistServer
from workers.demo.inbox import Listening, listen

ZONE = "bl.example"

_HOSTS = "plazo_hosts"
"""What PostgreSQL notifies when a host's desired state changes."""


@dataclass
class Letters:
    """The clients' mail server: counts the letters, and wakes who waits for one."""

    arrived: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    count: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The verb that aiosmtpd calls with a whole message."""
        assert isinstance(envelope.content, bytes)  # decode_data is off
        self.count += 1
        headers = envelope.content.partition(b"\r\n\r\n")[0]
        subject = str(message_from_bytes(headers, policy=default)["Subject"])
        self.arrived[subject.partition(" [")[0].strip()].set()  # without the incident's name
        return "250 2.0.0 taken"

    async def restricted(self, service: str) -> None:
        """Wait for the letter that says so."""
        await self.arrived[f"Outgoing mail of {service} is restricted"].wait()

    async def closed(self, service: str) -> None:
        """Wait for the final report."""
        await self.arrived[f"Closed: final report about {service}"].wait()


@dataclass(frozen=True, kw_only=True)
class World:
    """The clients' letters and the blocklist; `smtp` is `host:port`."""

    letters: Letters
    blocklist: BlocklistServer
    smtp: str

    def settings(self) -> Mapping[str, str]:
        """What Plazo needs to know of this world. Its patiences are as short as they go."""
        return {
            "PLAZO_REPLY_TO": "abuse@provider.example",
            "PLAZO_SMTP_URL": f"smtp://{self.smtp}",
            "PLAZO_BLOCKLISTS": ZONE,
            "PLAZO_DNS": self.blocklist.address,
            "PLAZO_SMARTHOST": "127.0.0.1:9",  # never spoken to: the agents are stand-ins
            "PLAZO_NEWS_INTERVAL": "0.3s",
            "PLAZO_CONFIRM": "60s",
            "PLAZO_VERIFY": "1s",
            "PLAZO_LOOK_AGAIN": "1s",
        }


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """Build it up and take it down."""
    letters = Letters()
    server: Listening = await listen(letters, "mail.provider.example")
    try:
        async with BlocklistServer(ZONE) as blocklist:
            yield World(letters=letters, blocklist=blocklist, smtp=f"127.0.0.1:{server.port}")
    finally:
        await server.close()


async def enrol_all(pool: Pool) -> None:
    """Give every host in the book a key: no measure is asked of a host without an agent."""
    async with transaction(pool) as connection:
        for row in await connection.fetch("SELECT id FROM hosts WHERE key_sha256 IS NULL"):
            await measures.enrol(connection, row["id"])


@asynccontextmanager
async def agents(pool: Pool) -> AsyncIterator[None]:
    """Every host's agent: what is wanted is seen to hold at once."""
    waiting: asyncio.Queue[str] = asyncio.Queue()
    listening = listen_to(pool, _HOSTS, waiting.put_nowait)
    async with beside(listening, *(_serve(pool, waiting) for _ in range(4))):
        yield


async def _serve(pool: Pool, waiting: asyncio.Queue[str]) -> None:
    while True:
        host = await waiting.get()
        async with pool.acquire() as connection:
            state = await measures.desired(connection, host)
        for each in state.measures:
            lifted = each.wanted is Wanted.LIFTED
            observed = Observed.LIFTED if lifted else Observed.APPLIED
            seen = Observation(key=each.key, observed=observed)
            async with transaction(pool) as connection:
                await measures.observe(connection, host, seen)
