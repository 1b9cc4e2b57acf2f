"""`/c/<token>`: the direct client's page of one incident, and the two things that it can say there.

The token is the client's credential and stands in the path of every form, so no other site can
make a form that counts. Looking changes nothing: mail scanners open every link.
"""

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from book.console.portal import Standing, count_held, never_held, portal_page, standing
from book.incident.incidents import Parties
from book.letters.notices import Sender, zone_of
from domain.acts import Acknowledge, Fixed
from domain.console.pages import PortalDone, PortalGone
from domain.incident import Act, Stage
from domain.ladder import unmet
from domain.letters.links import incident_of
from domain.parties import Language
from gateway import body, forms, words
from gateway.gateway import Gateway, TheGateway
from gateway.incidents import EngineAway, NoSuchIncident, Refused
from gateway.problems import Problem, language_of
from templates.render import render_page

log = logging.getLogger("plazo.gateway")

router = APIRouter(
    tags=["portal"],
    default_response_class=HTMLResponse,
    responses={
        404: {"description": "No link of ours.", "content": {"text/html": {}}},
        410: {"description": "The incident is closed.", "content": {"text/html": {}}},
    },
)
_ON_RECORD: dict[int | str, dict[str, Any]] = {
    409: {"description": "Refused; the page says the stage and what is allowed."},
    503: {"description": "The workflow does not answer; send the same again."},
}


class Gone(Exception):
    """The link shows nothing, or nothing any more."""

    def __init__(self, status: int, language: Language) -> None:
        super().__init__(status)
        self.status = status
        self.language = language


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """An open incident, reached by its own token."""

    token: str
    now: Standing

    @property
    def who(self) -> Parties:
        return self.now.who

    @property
    def language(self) -> Language:
        return self.who.client.language

    @property
    def by(self) -> str:
        return f"client {self.who.client.id}"


@router.get("/c/{token}", summary="Where an incident stands, for its direct client")
async def page(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    sender = Sender(provider=gateway.provider, reply_to=gateway.reply_to)
    async with gateway.reading() as connection:
        shown = await portal_page(connection, visit.who.incident, token, sender)
    return HTMLResponse(render_page("portal.html", visit.language, page=shown))


@router.post(
    "/c/{token}/acknowledge", summary="The client has read the notice", responses=_ON_RECORD
)
async def acknowledge(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    return await _act(gateway, visit, Act.ACKNOWLEDGE, Acknowledge(by=visit.by))


@router.post(
    "/c/{token}/fixed",
    summary="The client says that it is fixed, and what to do with held mail",
    responses={**_ON_RECORD, 422: {"description": "The form is not one of the page's."}},
    openapi_extra={
        "requestBody": {
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "discard_sender": {"type": "array", "items": {"type": "string"}},
                            "discard_message": {"type": "array", "items": {"type": "string"}},
                            "answered": {"enum": ["yes", "no"]},
                            "accept": {"type": "array", "items": {"type": "string"}},
                            "note": {"type": "string", "maxLength": forms.LONGEST_NOTE},
                        },
                    }
                }
            }
        }
    },
)
async def fixed(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    what = forms.fixed(await body.read(request, forms.LARGEST), visit.by, visit.language)
    async with gateway.reading() as connection:
        strange = await never_held(
            connection, visit.who.incident, what.discard_senders, what.discard_messages
        )
    if strange:
        things = ", ".join(strange)[:300]
        raise forms.unclear(visit.language, words.say(visit.language, "never_held", things=things))
    return await _act(gateway, visit, Act.FIXED, what)


async def _visit(request: Request, gateway: Gateway, token: str) -> _Visit:
    incident = incident_of(gateway.portal_secret, token)
    asked = language_of(request.headers.get("accept-language", ""))
    if incident is None:
        raise Gone(404, asked)
    async with gateway.reading() as connection:
        found = await standing(connection, incident)
    if found is None:
        raise Gone(404, asked)
    if found.stage is Stage.CLOSED:
        raise Gone(410, found.who.client.language)
    return _Visit(token=token, now=found)


async def _act(
    gateway: Gateway, visit: _Visit, act: Act, what: Acknowledge | Fixed
) -> HTMLResponse:
    incident, language = visit.who.incident, visit.language
    # A form that is sent twice is one act; the same words after a later look are another.
    said = f"{incident}\n{act}\n{visit.now.revision}\n{what}"
    once = hashlib.sha256(said.encode()).hexdigest()
    try:
        await gateway.incidents.act(incident, act, what, once=once)
    except Refused as error:
        log.info("act refused", extra={"incident": incident, "act": act, "why": str(error)})
        raise await _refused(gateway, visit, what) from error
    except (NoSuchIncident, EngineAway) as error:
        # The incident is in the book: its workflow is only about to begin, or out of reach.
        log.warning("act not taken", extra={"incident": incident, "act": act, "why": str(error)})
        raise Problem(
            503,
            "engine-away",
            words.say(language, "try_again"),
            title=words.say(language, "away"),
            headers={"Retry-After": "60"},
            language=language,
        ) from error
    log.info("act", extra={"incident": incident, "act": act})
    async with gateway.reading() as connection:
        held = await count_held(connection, incident)
    done = PortalDone(
        token=visit.token,
        incident=incident,
        provider=gateway.provider,
        act=act,
        at=datetime.now(UTC),
        zone=zone_of(visit.who.contract),
        held=held,
    )
    if isinstance(what, Fixed):
        done = replace(
            done,
            accepted=what.accepts,
            answered=what.answered,
            discard_senders=what.discard_senders,
            discard_messages=what.discard_messages,
            note=what.note,
        )
    return HTMLResponse(render_page("portal_done.html", language, page=done))


async def _refused(gateway: Gateway, visit: _Visit, what: Acknowledge | Fixed) -> Problem:
    async with gateway.reading() as connection:
        now = await standing(connection, visit.who.incident) or visit.now
    left = unmet(now.conditions, what.accepts) if isinstance(what, Fixed) else ()
    return Problem(
        409,
        "refused",
        words.refusal(visit.language, now.stage, left),
        title=words.say(visit.language, "refused"),
        language=visit.language,
    )


async def gone(request: Request, error: Exception) -> HTMLResponse:
    """The page for a link that opens nothing."""
    assert isinstance(error, Gone)
    gateway: Gateway = request.app.state.gateway
    shown = PortalGone(provider=gateway.provider, reply_to=gateway.reply_to)
    html = render_page("portal_gone.html", error.language, page=shown)
    return HTMLResponse(html, error.status)
