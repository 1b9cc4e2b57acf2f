"""`/v1/incidents/<id>/revoke-links`: the client's links are made to open nothing any more."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from book.console import links
from book.database import transaction
from gateway.api.answers import told
from gateway.api.bodies import LONGEST_REASON, fit, taken
from gateway.api.documents import ALWAYS, SENT, gives, takes
from gateway.api.incidents import UNKNOWN, Name
from gateway.api.who import Actor
from gateway.desk.incident import no_such, plain
from gateway.gateway import TheGateway, book_at_hand

router = APIRouter(prefix="/v1/incidents", tags=["incidents"], responses=ALWAYS)


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """Why the links that were sent are to open nothing any more."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """`issue` numbers the links that letters carry from now on."""

    incident: str
    issue: int


@router.post(
    "/{incident}/revoke-links",
    summary="Revoke every link to the portal that was sent; the next letter carries a new one",
    operation_id="revoke_links",
    responses={
        **gives(Revoked, Revoked(incident="incident-vps-1-1", issue=2), "They open nothing."),
        **UNKNOWN,
        **SENT,
    },
    openapi_extra=takes(
        Revocation,
        {"reason": "The letter was forwarded to a mailing list."},
        reason={"minLength": 1, "maxLength": LONGEST_REASON},
    ),
)
async def revoke(request: Request, gateway: TheGateway, person: Actor, incident: Name) -> Response:
    why = await taken(request, Revocation)
    fit(reason=why.reason)
    name = plain(incident)
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                issue = await links.revoke(connection, name, person.name, why.reason)
    except LookupError as error:
        raise no_such(name) from error
    return told(Revoked(incident=name, issue=issue))
