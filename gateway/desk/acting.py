"""`/incidents/<id>/do/<act>`: a reason is asked for, what will happen is shown, then it is done."""

import logging
import secrets
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from book.console import acting
from domain.console.desk import right_for
from domain.console.foresight import What, foresee
from domain.console.views import ActPage
from domain.incident import Act
from gateway.desk import act_forms
from gateway.desk.act_forms import Fields
from gateway.desk.incident import no_such, plain
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn, insist, posted
from gateway.gateway import Gateway, TheGateway
from gateway.incidents import EngineAway, NoSuchIncident, Refused

log = logging.getLogger("plazo.gateway")

_ANSWERS: dict[int | str, dict[str, Any]] = {
    303: {"description": "Done, and back to the incident."},
    403: {"description": "The role has not this right, or the form is not this session's."},
    404: {"description": "No such incident."},
    409: {"description": "Refused, or something has been decided since the page was written."},
    422: {"description": "The form lacks something; the page says what."},
    503: {"description": "The workflow does not answer; send the same again."},
}
router = APIRouter(tags=["desk"], default_response_class=HTMLResponse, responses=_ANSWERS)


@router.get("/incidents/{incident}/do/{act}", summary="The form of an act")
async def form(
    request: Request, gateway: TheGateway, session: SignedIn, incident: str, act: Act
) -> Response:
    insist(session.person, right_for(act))
    return shown(request, "act.html", await _page(gateway, session, incident, act))


@router.post("/incidents/{incident}/do/{act}", summary="Show what an act will do, then do it")
async def act(
    request: Request, gateway: TheGateway, session: SignedIn, incident: str, act: Act
) -> Response:
    insist(session.person, right_for(act))
    fields = await posted(request, session, gateway)
    try:
        what = act_forms.read(act, fields, session.person.name)
    except ValueError as error:
        page = await _page(gateway, session, incident, act, fields, said=f"{error}.")
        return shown(request, "act.html", page, 422)
    seen = _number(fields["seen"])
    page = await _page(gateway, session, incident, act, fields, what=what, seen=seen)
    if fields["step"] != ["do"]:
        return shown(request, "act.html", page)
    if page.meanwhile:
        return shown(request, "act.html", page, 409)
    once = "".join(fields["once"])[:64] or secrets.token_hex(16)
    try:
        answer = await gateway.incidents.act(incident, act, what, once=once)
    except (Refused, NoSuchIncident, EngineAway) as error:
        log.warning("act not taken", extra={"incident": incident, "act": act, "why": str(error)})
        refused = await _page(gateway, session, incident, act, fields, said=str(error))
        return shown(request, "act.html", refused, 503 if isinstance(error, EngineAway) else 409)
    log.info("act", extra={"incident": incident, "act": act, "by": session.person.name})
    return RedirectResponse(f"/incidents/{incident}?done={act}#{answer.stage}", 303)


async def _page(
    gateway: Gateway, session: SignedIn, incident: str, act: Act, fields: Fields | None = None, *,
    what: What | None = None, seen: int | None = None, said: str = "",
) -> ActPage:  # fmt: skip
    """The form; with what it will do where `what` is known, and what came since `seen`."""
    async with gateway.reading() as connection:
        try:
            found = await acting.standing(connection, plain(incident), since=seen)
        except LookupError as error:
            raise no_such(incident) from error
    return ActPage(
        provider=gateway.provider,
        person=session.person,
        csrf=session.csrf,
        incident=incident,
        zone=found.zone,
        act=act,
        stage=found.stage,
        allowed=act in found.acts,
        seen=found.seen,
        will=() if what is None else foresee(what, found.now, later=act is Act.EXTEND),
        given={name: tuple(values) for name, values in (fields or {}).items() if values},
        once=secrets.token_hex(16),
        said=said,
        meanwhile=found.meanwhile,
        charges=found.charges,
        held=found.now.held,
        held_total=found.now.held_total,
        conditions=found.conditions,
        deadline=found.now.deadline,
    )


def _number(given: list[str]) -> int | None:
    text = "".join(given)
    return int(text) if text.isdecimal() and len(text) < 12 else None
