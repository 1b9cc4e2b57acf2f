"""The operators' side: the console's pages, and the same as JSON. Nothing is changed from here."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, JSONResponse

from book import pages
from domain.desk import Right
from domain.incident import Stage
from domain.links import portal_token
from domain.pages import ChainRow, IncidentPage, IncidentRow
from domain.parties import Language
from domain.wire import to_json
from gateway.desk.sessions import needs, signed_in
from gateway.gateway import Gateway, TheGateway
from gateway.problems import Problem
from templates.render import render_page

console = APIRouter(
    tags=["console"],
    default_response_class=HTMLResponse,
    dependencies=[Depends(signed_in)],
    responses={401: {"description": "Nobody is signed in."}},
)
api = APIRouter(
    prefix="/v1/incidents",
    tags=["incidents"],
    dependencies=[Depends(needs(Right.READ))],
    responses={
        401: {"description": "No token, or none that is in force."},
        403: {"description": "The token has not this scope."},
    },
)
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such incident."}}


@console.get("/", summary="All that operators have to look at")
async def overview(gateway: TheGateway) -> HTMLResponse:
    async with gateway.reading() as connection:
        page = await pages.console_page(connection, gateway.provider)
    return HTMLResponse(render_page("console.html", Language.EN, page=page))


@console.get(
    "/incidents/{incident}", summary="One incident and its whole record", responses=_UNKNOWN
)
async def incident_page(gateway: TheGateway, incident: str) -> HTMLResponse:
    page = await _incident(gateway, incident)
    return HTMLResponse(render_page("incident.html", Language.EN, page=page))


@api.get("", summary="Incidents, the latest first", responses={200: {"model": list[IncidentRow]}})
async def listed(
    gateway: TheGateway,
    stage: Stage | None = None,
    client: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> JSONResponse:
    async with gateway.reading() as connection:
        found = await pages.incidents(connection, stage=stage, client=client, limit=limit)
    return JSONResponse(to_json(found))


@api.get(
    "/{incident}",
    summary="One incident and its whole record",
    responses={200: {"model": IncidentPage}, **_UNKNOWN},
)
async def one(gateway: TheGateway, incident: str) -> JSONResponse:
    return JSONResponse(to_json(await _incident(gateway, incident)))


@api.get(
    "/{incident}/timeline",
    summary="One incident's audit chain, the oldest entry first",
    responses={200: {"model": list[ChainRow]}, **_UNKNOWN},
)
async def timeline(gateway: TheGateway, incident: str) -> JSONResponse:
    async with gateway.reading() as connection:
        entries = await pages.timeline(connection, _plain(incident))
    if not entries:  # each incident is opened with one
        raise _no_such(incident)
    return JSONResponse(to_json(entries))


async def _incident(gateway: Gateway, incident: str) -> IncidentPage:
    links = [("Client's portal", f"/c/{portal_token(gateway.portal_secret, _plain(incident))}")]
    if gateway.temporal_ui is not None:
        namespace = quote(gateway.incidents.namespace, safe="")
        workflow = f"namespaces/{namespace}/workflows/{quote(incident, safe='')}"
        links.append(("Workflow in Temporal", f"{gateway.temporal_ui.rstrip('/')}/{workflow}"))
    try:
        async with gateway.reading() as connection:
            return await pages.incident_page(connection, incident, gateway.provider, tuple(links))
    except LookupError as error:
        raise _no_such(incident) from error


def _plain(incident: str) -> str:
    """The name, if PostgreSQL can be asked for it: a NUL in a path is no name of ours."""
    if not incident.isprintable():
        raise _no_such(incident)
    return incident


def _no_such(incident: str) -> Problem:
    return Problem(404, "no-such-incident", f"There is no incident {incident[:100]!a}.")
