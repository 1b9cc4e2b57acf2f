"""A provider of one client, and what happens to it, written into a real book of record."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncpg import Pool

from book.blocklists import listings
from book.clientele import clients
from book.database import transaction
from book.incident import incidents, measures
from book.incident.incidents import Parties
from book.intake import intake
from book.intake.intake import Accepted, Received
from domain.clientele.file import Clientele, Host
from domain.clientele.signed import Signed
from domain.hosts import Observation
from domain.incident import Outcome
from domain.intake.complaints import Complaint
from domain.measures import Measure, Restriction, Scope
from domain.news import Observed
from domain.parties import Service
from tests.domain.builders import a_client, a_contract, a_service

ADDRESS = "192.0.2.7"
HOST = "mx1.provider.example"
INCIDENT = "incident-vps-1-1"
REDIRECT = Restriction(measure=Measure.SMARTHOST_REDIRECT, scope=Scope.SERVER, targets=(HOST,))
HOLD = Restriction(measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=("shop.example",))


def a_clientele(*services: Service, contracts: tuple[Signed, ...] = ()) -> Clientele:
    """One client with a contract that has no end, unless told otherwise."""
    return Clientele(
        hosts=(Host(id=HOST), Host(id="mx2.provider.example"), Host(id="edge-1", edge=True)),
        clients=(a_client(),),
        contracts=contracts or (Signed(contract=a_contract()),),
        services=services or (a_service(addresses=(f"{ADDRESS}/32",)),),
    )


async def a_provider(pool: Pool) -> Service:
    """Its one service, in the book, with an agent on its host."""
    clientele = a_clientele()
    await clients.keep(pool, clientele)
    async with transaction(pool) as connection:
        await measures.enrol(connection, HOST)
    return clientele.services[0]


def a_report(name: str = "r-1", *addresses: str, **complaint: Any) -> Received:
    ordinary: dict[str, Any] = {
        "format": "arf",
        "sent_at": datetime.now(UTC) - timedelta(minutes=1),
    }
    return Received(
        id=name,
        reporter="fbl",
        content=f"report {name}".encode(),
        media_type="message/rfc822",
        complaints=tuple(
            Complaint(**ordinary | {"address": address} | complaint)
            for address in addresses or (ADDRESS,)
        ),
    )


async def reported(pool: Pool, name: str = "r-1", **complaint: Any) -> str:
    """The incident that a report joined or opened."""
    accepted: Accepted = await intake.accept(pool, a_report(name, **complaint))
    [incident] = accepted.incidents
    return incident


async def an_incident(pool: Pool) -> Parties:
    """The provider, with an open incident of its one service."""
    await a_provider(pool)
    return await parties_of(pool, await reported(pool))


async def parties_of(pool: Pool, incident: str) -> Parties:
    async with transaction(pool) as connection:
        return await incidents.parties(connection, incident)


async def is_listed(pool: Pool, incident: str) -> None:
    async with transaction(pool) as connection:
        found = [(ADDRESS, "bl.example", "127.0.0.2")]
        await listings.keep(connection, incident, found, [])


async def imposed(
    pool: Pool, who: Parties, key: str = "m-1", restriction: Restriction = HOLD
) -> str | None:
    async with transaction(pool) as connection:
        return await measures.impose(
            connection, who.incident, key, restriction, who.service, {}, ()
        )


async def seen(pool: Pool, key: str = "m-1", host: str = HOST, **other: Any) -> bool:
    """What the host's agent says that it saw of a measure."""
    observation = replace(Observation(key=key, observed=Observed.APPLIED), **other)
    async with transaction(pool) as connection:
        return await measures.observe(connection, host, observation)


async def closed(
    pool: Pool, incident: str, outcome: Outcome = Outcome.REMEDIATED, heard: int | None = None
) -> bool:
    async with transaction(pool) as connection:
        return await incidents.close(connection, incident, outcome, heard)


async def until_one_waits(pool: Pool, task: asyncio.Task[Any]) -> None:
    """Until another transaction waits for ours, or its task is done without."""
    while not task.done():
        if await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            return
        await asyncio.sleep(0.01)
