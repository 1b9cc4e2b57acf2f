"""`/incidents/<id>/links`: the links that the client has, and how they are made to open nothing."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from book.console import links
from book.database import transaction
from domain.console.desk import Right
from domain.console.views import RevokePage
from gateway.desk.act_forms import LONGEST_REASON
from gateway.desk.incident import no_such, plain
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn, insist, posted
from gateway.gateway import Gateway, TheGateway, book_at_hand

_ANSWERS: dict[int | str, dict[str, Any]] = {
    303: {"description": "Done, and back to the incident."},
    403: {"description": "The role has not this right, or the form is not this session's."},
    404: {"description": "No such incident."},
    422: {"description": "The form lacks something; the page says what."},
}
router = APIRouter(tags=["desk"], default_response_class=HTMLResponse, responses=_ANSWERS)


@router.get("/incidents/{incident}/links", summary="What revoking the client's links will do")
async def form(request: Request, gateway: TheGateway, session: SignedIn, incident: str) -> Response:
    insist(session.person, Right.ACT)
    name = plain(incident)
    async with gateway.reading() as connection:
        try:
            await links.issue(connection, name)
        except LookupError as error:
            raise no_such(name) from error
    return shown(request, "revoke.html", _page(gateway, session, name))


@router.post("/incidents/{incident}/links", summary="Revoke every link that was sent")
async def revoke(
    request: Request, gateway: TheGateway, session: SignedIn, incident: str
) -> Response:
    insist(session.person, Right.ACT)
    name = plain(incident)
    fields = await posted(request, session, gateway)
    reason = " ".join("".join(fields["reason"]).split())
    if len(reason) > LONGEST_REASON:
        said = f"the reason has more than {LONGEST_REASON:,} characters."
        return shown(request, "revoke.html", _page(gateway, session, name, reason, said), 422)
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                await links.revoke(connection, name, session.person.name, reason)
    except LookupError as error:
        raise no_such(name) from error
    except ValueError as error:
        page = _page(gateway, session, name, reason, f"{error}.")
        return shown(request, "revoke.html", page, 422)
    return RedirectResponse(f"/incidents/{name}", 303)


def _page(
    gateway: Gateway, session: SignedIn, incident: str, reason: str = "", said: str = ""
) -> RevokePage:
    return RevokePage(
        provider=gateway.provider,
        person=session.person,
        csrf=session.csrf,
        incident=incident,
        reason=reason,
        said=said,
    )
