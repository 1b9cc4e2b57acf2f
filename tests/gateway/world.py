"""A small provider in the book of record, its gateway, and those who speak to it."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import httpx
from asyncpg import Connection, Pool
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from standardwebhooks import Webhook

from book.clientele import clients
from book.console import desk, sessions
from book.database import transaction
from book.incident import measures
from domain.acts import Answer
from domain.calendar import BusinessHours, Calendar
from domain.clientele.file import Clientele, Host
from domain.clientele.signed import Signed
from domain.console.desk import Role, rights_of
from domain.contract import Contract, Prices
from domain.hosts import HeldMessage, Observation, Report
from domain.incident import Act
from domain.letters.links import Link, portal_token
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from domain.parties import Client, ClientKind, Jurisdiction, Language, Service, ServiceKind
from domain.units import Hours, Money
from domain.wire import to_json
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.incidents import What
from gateway.reading import Reader

HOSTILE = '<script>alert("x")</script>'
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBmZWVkYmFjayBsb29w"
OLD_SECRET = "whsec_" + "YSBzZWNyZXQgdGhhdCBpcyBiZWluZyByZXBsYWNlZA=="
EVENTS_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PASSWORD = "a long password of the test"
REPORTERS = {
    "fbl": (SECRET, OLD_SECRET),
    "other": (OLD_SECRET,),
    "events": (
        "ed25519:" + b64encode(EVENTS_KEY.public_key().public_bytes_raw()).decode(),
        "ed25519:" + b64encode(bytes(32)).decode(),
    ),
    "filter": (f"basic:{PASSWORD}",),
    "both": (SECRET, f"basic:{PASSWORD}"),
}
PORTAL_SECRET = "the portal's secret of a test"
ISSUER = "https://identity.provider.example"
USERS = {"luz": Role.LEAD, "dan": Role.DESK, "vera": Role.VIEWER}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
INCIDENT = "incident-vps-1-1"
HOLD = Restriction(measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=("shop.example",))

_PRICES = Prices(
    delisting_first=Money(2_500, "EUR"),
    delisting_again=Money(5_000, "EUR"),
    smarthost_per_thousand=Money(100, "EUR"),
    smarthost_minimum=Money(1_000, "EUR"),
    dedicated_address_monthly=Money(500, "EUR"),
)


def _client(name: str, language: Language, called: str) -> Client:
    return Client(
        id=name,
        name=called,
        kind=ClientKind.BUSINESS,
        language=language,
        contacts=(f"abuse@{name}.example",),
    )


def _contract(client: str, jurisdiction: Jurisdiction, calendar: Calendar) -> Signed:
    terms = Contract(
        id=f"{client}-2020",
        client=client,
        clause="7.3",
        jurisdiction=jurisdiction,
        deadline=Hours.parse("4h"),
        measures=(Measure.HOLD_DOMAIN,),
        prices=_PRICES,
        calendar=calendar,
    )
    return Signed(contract=terms, valid_from=LONG_AGO, valid_until=None)


CLIENTELE = Clientele(
    hosts=(Host(id="mx1"), Host(id="mx2")),
    clients=(
        _client("ejemplo", Language.ES, "Hosting Ejemplo"),
        _client("sample", Language.EN, f"Sample {HOSTILE}"),
    ),
    contracts=(
        _contract(
            "ejemplo",
            Jurisdiction.ES,
            Calendar(BusinessHours(zone="Europe/Madrid", country="ES")),
        ),
        _contract("sample", Jurisdiction.US, Calendar()),
    ),
    services=(
        Service(
            id="vps-1",
            client="ejemplo",
            kind=ServiceKind.MANAGED_VPS,
            host="mx1",
            addresses=("192.0.2.7/32", "2001:db8:7::/48"),
        ),
        Service(
            id="vps-2",
            client="sample",
            kind=ServiceKind.MANAGED_VPS,
            host="mx2",
            addresses=("192.0.2.8/32",),
        ),
    ),
)


@dataclass
class FakeIncidents:
    """Stands in for the workflow engine, which has tests of its own. Does what it is told to."""

    fails: Exception | None = None
    healthy: bool = True
    acts: list[tuple[str, Act, What, str | None]] = field(default_factory=list)
    namespace: str = "default"

    async def act(self, incident: str, act: Act, what: What, *, once: str | None = None) -> Answer:
        if self.fails is not None:
            raise self.fails
        self.acts.append((incident, act, what, once))
        return Answer(said="Done.", stage="waiting")

    async def answered(self, incident: str, once: str) -> Answer | None:
        known = [(each, by) for each, _, _, by in self.acts]
        return Answer(said="Done.", stage="waiting") if (incident, once) in known else None

    async def available(self) -> bool:
        return self.healthy


@dataclass
class World:
    """A gateway with a client to speak to it, on a pool of its own."""

    app: FastAPI
    http: httpx.AsyncClient
    pool: Pool
    incidents: FakeIncidents
    tokens: dict[str, str] = field(default_factory=dict)
    """An API token with every scope of its owner's role, by the name of each user."""

    def token(self, user: str = "luz") -> dict[str, str]:
        """The header of a program that acts for a user: luz is a lead, dan desk, vera a viewer."""
        return {"Authorization": f"Bearer {self.tokens[user]}"}

    async def cookie(self, user: str = "luz") -> dict[str, str]:
        """The header of a browser in which a user has signed in."""
        async with transaction(self.pool) as connection:
            token, _ = await sessions.begin(connection, user, "192.0.2.200")
        return {"Cookie": f"plazo={token}"}

    async def report(self, address: str = "192.0.2.7", **more: Any) -> httpx.Response:
        """Post a plain report about an address, rightly signed, and have it read.

        `id` is the webhook's.
        """
        name = more.pop("id", "msg-1")
        content = a_report(address, **more)
        answer = await self.http.post(
            "/v1/reports",
            params={"reporter": "fbl"},
            content=content,
            headers=signed(content, name),
        )
        if answer.status_code == httpx.codes.ACCEPTED:
            await self.read()
        return answer

    async def read(self) -> None:
        """Have all that was posted read, as the worker does."""
        reader = Reader(self.pool)
        while await reader.look():
            pass

    async def rows(self) -> list[tuple[str, str | None]]:
        """Have all read that was posted: the reports on record, with the incident of each."""
        await self.read()
        rows = await self.pool.fetch("SELECT id, incident FROM reports ORDER BY id")
        return [(row["id"], row["incident"]) for row in rows]

    async def key_of(self, host: str) -> dict[str, str]:
        """The headers that a host's agent sends, with a fresh key."""
        async with transaction(self.pool) as connection:
            return {"Authorization": f"Bearer {await measures.enrol(connection, host)}"}

    async def impose(self, incident: str, key: str = "m1", restriction: Restriction = HOLD) -> None:
        """Have a measure wanted on the host of the incident's service."""
        async with transaction(self.pool) as connection:
            service = await connection.fetchval(
                "SELECT service FROM incidents WHERE id = $1", incident
            )
            found = next(each for each in CLIENTELE.services if each.id == service)
            why = await measures.impose(connection, incident, key, restriction, found, {}, ())
            assert why is None

    async def look(self, incident: str, **columns: object) -> None:
        """Have an incident look as its workflow would say."""
        given = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
        await self.pool.execute(
            f"UPDATE incidents SET view_revision = view_revision + 1, {given} WHERE id = $1",
            incident,
            *columns.values(),
        )

    async def hold(self, incident: str, *messages: tuple[str, str], key: str = "m1") -> None:
        """Have messages, queue id and sender each, held by a measure."""
        await self.impose(incident, key)
        seen = Observation(
            key=key,
            observed=Observed.APPLIED,
            messages=tuple(a_message(queue_id, sender) for queue_id, sender in messages),
        )
        async with transaction(self.pool) as connection:
            host = await connection.fetchval("SELECT host FROM measures WHERE key = $1", key)
            assert await measures.observe(connection, host, seen)


def a_gateway(pool: Pool, incidents: Any) -> Gateway:
    return Gateway(
        pool=pool,
        incidents=incidents,
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
        portal_secret=PORTAL_SECRET,
        reporters=MappingProxyType(REPORTERS),
        public_url="http://gateway.test",
        temporal_ui="http://127.0.0.1:8233/",
    )


@asynccontextmanager
async def a_world(pool: Pool) -> AsyncIterator[World]:
    """A gateway on `pool`, whose book has the small provider in it."""
    await clients.keep(pool, CLIENTELE)
    async with transaction(pool) as connection:
        for host in CLIENTELE.hosts:
            await measures.enrol(connection, host.id)
        tokens = {user: await _with_token(connection, user, role) for user, role in USERS.items()}
    incidents = FakeIncidents()
    app = create_app(a_gateway(pool, incidents))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gateway.test"
        ) as http,
    ):
        yield World(app, http, pool, incidents, tokens)


async def _with_token(connection: Connection, user: str, role: Role) -> str:
    with suppress(desk.NotChanged):  # another gateway on the same book has them already
        await desk.add(connection, user, user.title(), role, by="test", subject=f"{ISSUER} {user}")
    return await sessions.issue(connection, user, "test", rights_of(role), by="test", lasts=None)


def a_report(address: str = "192.0.2.7", **more: object) -> bytes:
    sent_at = datetime.now(UTC).isoformat()
    return json.dumps({"address": address, "sent_at": sent_at, **more}).encode()


def signed(
    content: bytes, name: str = "msg-1", *, secret: str = SECRET, at: datetime | None = None
) -> dict[str, str]:
    """The three headers, made by the reference library."""
    at = at or datetime.now(UTC)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, content.decode()),
        "content-type": "application/json",
    }


def a_message(queue_id: str, sender: str = "info@shop.example") -> HeldMessage:
    return HeldMessage(
        queue_id=queue_id, sender=sender, recipients=2, bytes=4_321, arrived_at=datetime.now(UTC)
    )


def observed(key: str, *messages: HeldMessage) -> object:
    seen = Observation(key=key, observed=Observed.APPLIED, messages=messages)
    return to_json(Report(observations=(seen,)))


def portal(incident: str = INCIDENT) -> str:
    link = Link.lasting(incident, 1, timedelta(days=90), datetime.now(UTC))
    return f"/c/{portal_token(PORTAL_SECRET, link)}"


class Gate:
    """A door in front of PostgreSQL that can be shut: what an outage looks like from here."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._open = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def shut(self) -> None:
        """Cut all connections, and let nobody in."""
        self._open = False
        for writer in self._writers:
            writer.transport.abort()

    def open(self) -> None:
        self._open = True

    async def stop(self) -> None:
        self.shut()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        out_reader, out_writer = await asyncio.open_connection(*self._to)
        self._writers |= {writer, out_writer}
        await asyncio.gather(_copy(reader, out_writer), _copy(out_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
