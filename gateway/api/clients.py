"""`/v1/clients`: direct clients, what they have and agreed to, and how often it was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.console import histories, worklist
from domain.console.pages import IncidentRow
from domain.console.views import ClientRow, ContractRow, LadderPlace, ServiceRow
from gateway.api import examples
from gateway.api.answers import LONGEST_TEXT, MOST, asked, more, single, told, unknown_cursor
from gateway.api.documents import ALWAYS, gives, problems
from gateway.api.who import Reader
from gateway.gateway import TheGateway
from gateway.problems import Problem

router = APIRouter(prefix="/v1/clients", tags=["clients"], responses=ALWAYS)

_HISTORY = 100
"""Incidents with a client; more by `GET /v1/incidents?client=`."""


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Some clients, and where the list goes on."""

    rows: tuple[ClientRow, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class ClientRecord:
    """One direct client with its history."""

    now: datetime
    client: str
    name: str
    kind: str
    language: str
    contacts: tuple[str, ...]
    phone: str | None
    ladder: LadderPlace | None
    """What its next incident would be; None without a contract in force."""
    services: tuple[ServiceRow, ...]
    contracts: tuple[ContractRow, ...]
    incidents: tuple[IncidentRow, ...]
    """The latest hundred."""


@router.get(
    "",
    summary="Clients, those with open incidents first",
    operation_id="list_clients",
    responses=gives(Clients, Clients(rows=(examples.CLIENT_ROW,), after=None), "Some clients."),
)
async def listed(
    gateway: TheGateway,
    person: Reader,
    q: Annotated[str, Query(max_length=LONGEST_TEXT, description="In names and ids.")] = "",
    after: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    async with gateway.reading() as connection:
        if after is not None:
            try:
                await histories.calls_them(connection, asked(after))
            except LookupError as error:
                raise unknown_cursor(after) from error
        rows = await histories.clients(connection, asked(q), limit + 1, after)
    return told(Clients(rows=rows[:limit], after=more([row.client for row in rows], limit)))


@router.get(
    "/{client}",
    summary="One client with its services, contracts, incidents and place on the ladder",
    operation_id="read_client",
    responses={
        **gives(ClientRecord, examples.CLIENT_RECORD, "The client.", tagged=True),
        **problems(404),
    },
)
async def one(
    request: Request,
    gateway: TheGateway,
    person: Reader,
    client: Annotated[str, Path(max_length=LONGEST_TEXT, examples=[examples.CLIENT])],
) -> Response:
    async with gateway.reading() as connection:
        try:
            them = await histories.calls_them(connection, client if client.isprintable() else "")
        except LookupError as error:
            raise Problem(404, "no-such-client", f"There is no client {client[:100]!a}.") from error
        found = ClientRecord(
            now=await connection.fetchval("SELECT now()"),
            client=them.id,
            name=them.name,
            kind=them.kind,
            language=them.language,
            contacts=them.contacts,
            phone=them.phone,
            ladder=await histories.ladder(connection, them),
            services=await histories.services(connection, them.id),
            contracts=await histories.contracts(connection, them.id),
            incidents=await worklist.of_client(connection, them.id, _HISTORY),
        )
    return single(request, found)
