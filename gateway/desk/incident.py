"""`/incidents/<id>`: one incident as a picture, a story, and what may be done to it now."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from asyncpg import Connection
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from book.console import links as portal_links
from book.console import pages, pictures
from book.console.timeline import timeline
from book.incident import audit
from domain.console.desk import Person, Right, right_for
from domain.console.views import StoryPage
from domain.letters.links import Link, portal_token
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn
from gateway.gateway import Gateway, TheGateway
from gateway.problems import Problem

router = APIRouter(tags=["desk"], default_response_class=HTMLResponse)

_LOOK = timedelta(days=1)
"""For which the client's page opens to the desk, from the moment that the link to it is shown."""


@router.get(
    "/incidents/{incident}",
    summary="One incident with all that happened",
    responses={404: {"description": "No such incident."}},
)
async def story(
    request: Request,
    gateway: TheGateway,
    session: SignedIn,
    incident: str,
    attempts: bool = False,
    before: Annotated[datetime | None, Query()] = None,
) -> Response:
    name = plain(incident)
    async with gateway.reading() as connection:
        try:
            record = await audit.checked(connection, name)
            links = await links_of(connection, gateway, name, session.person)
            facts = await pages.incident_page(connection, name, gateway.provider, links, record)
        except LookupError as error:
            raise no_such(name) from error
        page = StoryPage(
            provider=gateway.provider,
            person=session.person,
            csrf=session.csrf,
            zone=facts.zone,
            now=facts.now,
            facts=facts,
            may_revoke=session.person.may(Right.ACT),
            acts=tuple(act for act in facts.acts if session.person.may(right_for(act))),
            picture=await pictures.picture(connection, name),
            timeline=await timeline(
                connection, name, record.entries, attempts=attempts, before=_aware(before)
            ),
            attempts=attempts,
            entries=len(record.entries),
        )
    return shown(request, "incident.html", page)


async def links_of(
    connection: Connection, gateway: Gateway, incident: str, person: Person
) -> tuple[tuple[str, str], ...]:
    """Where else one can look at an incident. Raises LookupError when there is no such incident.

    With the client's link one can act for the client, so it is for who may act.
    """
    links = []
    if person.may(Right.ACT):
        issue = await portal_links.issue(connection, incident)
        link = Link.lasting(incident, issue, _LOOK, datetime.now(UTC))
        links.append(("Client's portal", f"/c/{portal_token(gateway.portal_secret, link)}"))
    if gateway.temporal_ui is not None:
        namespace = quote(gateway.incidents.namespace, safe="")
        workflow = f"namespaces/{namespace}/workflows/{quote(incident, safe='')}"
        links.append(("Workflow in Temporal", f"{gateway.temporal_ui.rstrip('/')}/{workflow}"))
    return tuple(links)


def plain(incident: str) -> str:
    """The name, if PostgreSQL can be asked for it: a NUL in a path is no name of ours."""
    if not incident.isprintable():
        raise no_such(incident)
    return incident


def no_such(incident: str) -> Problem:
    return Problem(404, "no-such-incident", f"There is no incident {incident[:100]!a}.")


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise Problem(422, "invalid-request", "query.before: write it with its UTC offset.")
    return moment
