"""The operators' side: the console's pages, and the same as JSON. Nothing is changed from here."""

import hmac
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
)

from book import pages
from domain.incident import Stage
from domain.links import portal_token
from domain.pages import ChainRow, IncidentPage, IncidentRow
from domain.parties import Language
from domain.wire import to_json
from gateway.gateway import Gateway, TheGateway
from gateway.problems import Problem
from templates.render import render_page

_basic = HTTPBasic(
    auto_error=False,
    scheme_name="operator's console",
    description="Any user name; the password is the operators' key",
)
_bearer = HTTPBearer(
    auto_error=False, scheme_name="operator's key", description="The operators' key"
)


async def _at_the_console(
    gateway: TheGateway, given: Annotated[HTTPBasicCredentials | None, Depends(_basic)]
) -> None:
    if given is None or not _same(given.password, gateway.operator_key):
        raise _unauthorized('Basic realm="plazo console", charset="UTF-8"')


async def _with_the_key(
    gateway: TheGateway, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    if given is None or not _same(given.credentials, gateway.operator_key):
        raise _unauthorized('Bearer realm="plazo"')


console = APIRouter(
    tags=["console"],
    default_response_class=HTMLResponse,
    dependencies=[Depends(_at_the_console)],
    responses={401: {"description": "The password is the operators' key."}},
)
api = APIRouter(
    prefix="/v1/incidents",
    tags=["incidents"],
    dependencies=[Depends(_with_the_key)],
    responses={401: {"description": "The Bearer token is the operators' key."}},
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


def _unauthorized(challenge: str) -> Problem:
    return Problem(
        401,
        "not-an-operator",
        "This needs the operators' key (PLAZO_OPERATOR_KEY).",
        headers={"WWW-Authenticate": challenge},
    )


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), key.encode())
