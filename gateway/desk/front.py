"""`/`: the incidents to work through, filtered, searched and paged; and the provider's clients."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from book.console import histories, pages, worklist
from domain.console import views as console
from domain.console.views import ClientPage, ClientsPage, FrontPage, Order
from domain.incident import Outcome, Stage
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn
from gateway.gateway import TheGateway
from gateway.problems import Problem

router = APIRouter(
    tags=["desk"],
    default_response_class=HTMLResponse,
    responses={303: {"description": "Nobody is signed in: to the door."}},
)

_TEXT = 200
"""Characters of what is searched for."""

_HISTORY = 100
"""Incidents on a client's page."""


@router.get("/", summary="The incidents to work through")
async def front(
    request: Request,
    gateway: TheGateway,
    session: SignedIn,
    q: Annotated[str, Query(max_length=_TEXT)] = "",
    stage: Stage | Literal[""] = "",
    outcome: Outcome | Literal[""] = "",
    order: Order = Order.URGENT,
    after: Annotated[str | None, Query(max_length=_TEXT)] = None,
) -> Response:
    query = console.Query(
        text=_plain(q),
        stage=stage or None,
        outcome=outcome or None,
        order=Order.LATEST if outcome or stage == Stage.CLOSED else order,
        after=_plain(after) if after else None,
    )
    async with gateway.reading() as connection:
        page = FrontPage(
            provider=gateway.provider,
            person=session.person,
            csrf=session.csrf,
            now=await connection.fetchval("SELECT now()"),
            query=query,
            found=await worklist.find(connection, query),
            stages=await worklist.stages(connection),
            tasks=await pages.tasks_of_none(connection),
        )
    return shown(request, "front.html", page)


@router.get("/clients", summary="Direct clients")
async def clients(
    request: Request,
    gateway: TheGateway,
    session: SignedIn,
    q: Annotated[str, Query(max_length=_TEXT)] = "",
) -> Response:
    async with gateway.reading() as connection:
        page = ClientsPage(
            provider=gateway.provider,
            person=session.person,
            csrf=session.csrf,
            text=_plain(q),
            clients=await histories.clients(connection, _plain(q)),
        )
    return shown(request, "clients.html", page)


@router.get(
    "/clients/{client}",
    summary="One client with its history",
    responses={404: {"description": "No such client."}},
)
async def client(request: Request, gateway: TheGateway, session: SignedIn, client: str) -> Response:
    async with gateway.reading() as connection:
        try:
            them = await histories.calls_them(connection, _plain(client))
        except LookupError as error:
            raise Problem(404, "no-such-client", f"There is no client {client[:100]!a}.") from error
        page = ClientPage(
            provider=gateway.provider,
            person=session.person,
            csrf=session.csrf,
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
    return shown(request, "client.html", page)


def _plain(text: str) -> str:
    """What PostgreSQL can be asked for: a NUL or half a character is in no name of ours."""
    return "".join(letter for letter in text if letter.isprintable())
