"""`/c/<token>`: the direct client's page of one incident, and what it can say there.

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
from book.console.said import client_name
from book.database import transaction
from book.incident.incidents import Parties
from book.letters.notices import Sender, zone_of
from book.money import closed, ledger
from domain.acts import Acknowledge, Contest, Dispute, Fixed, KeptMail
from domain.console.portal import PortalDone, PortalGone, PortalPage, Shut
from domain.incident import Act, Stage
from domain.ladder import unmet
from domain.letters.links import AFTER_THE_END, link_of
from domain.parties import Language
from gateway import body, forms, words
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.incidents import EngineAway, NoSuchIncident, Refused
from gateway.problems import Problem, language_of
from templates.render import render_page, render_portal

log = logging.getLogger("plazo.gateway")

router = APIRouter(
    tags=["portal"],
    default_response_class=HTMLResponse,
    responses={
        404: {"description": "No link of ours.", "content": {"text/html": {}}},
        410: {
            "description": "The link has expired or was revoked, or its incident is long closed.",
            "content": {"text/html": {}},
        },
    },
)
_ON_RECORD: dict[int | str, dict[str, Any]] = {
    409: {"description": "Refused, or changed since the page was written; the page says what."},
    422: {"description": "The form is not one of the page's."},
    503: {"description": "The workflow does not answer; send the same again."},
}

_What = Acknowledge | Contest | Dispute | Fixed | KeptMail


class Gone(Exception):
    """The link shows nothing, or nothing any more."""

    def __init__(self, why: Shut, language: Language) -> None:
        super().__init__(why)
        self.why = why
        self.language = language


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """An incident, reached by a link that opens it."""

    token: str
    now: Standing

    @property
    def who(self) -> Parties:
        return self.now.who

    @property
    def incident(self) -> str:
        return self.who.incident

    @property
    def language(self) -> Language:
        return self.who.client.language

    @property
    def by(self) -> str:
        return client_name(self.who)


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """A form as it came. `seen` marks what its page showed; forms from elsewhere have none."""

    act: Act
    what: _What
    seen: str | None = None


def _form(**fields: dict[str, Any]) -> dict[str, Any]:
    """A route's `openapi_extra`: what its form has."""
    seen = {"seen": {"type": "string", "description": "As the page has it."}}
    schema = {"type": "object", "properties": {**fields, **seen}}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"content": content}}


_NOTE = {"type": "string", "maxLength": forms.LONGEST_NOTE}
_SEVERAL = {"type": "array", "items": {"type": "string"}}


@router.get("/c/{token}", summary="Where an incident stands, for its direct client")
async def page(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    return HTMLResponse(render_portal(await _page(gateway, visit), visit.language))


@router.post(
    "/c/{token}/acknowledge", summary="The client has read the notice", responses=_ON_RECORD
)
async def acknowledge(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    return await _act(gateway, visit, _Sent(act=Act.ACKNOWLEDGE, what=Acknowledge(by=visit.by)))


@router.post(
    "/c/{token}/fixed",
    summary="The client says that it is fixed, and what to do with held mail",
    responses=_ON_RECORD,
    openapi_extra=_form(
        discard_sender=_SEVERAL, discard_message=_SEVERAL, answered={"enum": ["yes", "no"]},
        accept=_SEVERAL, note=_NOTE,
    ),
)  # fmt: skip
async def fixed(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    fields = await _fields(request, visit)
    what = forms.fixed(fields, visit.by, visit.language)
    await _see_that_it_was_held(gateway, visit, what)
    return await _act(gateway, visit, _Sent(act=Act.FIXED, what=what, seen=_seen(fields)))


@router.post(
    "/c/{token}/kept-mail",
    summary="What becomes of mail that stayed held when the measure ended",
    responses=_ON_RECORD,
    openapi_extra=_form(discard_sender=_SEVERAL, discard_message=_SEVERAL, note=_NOTE),
)
async def kept_mail(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    fields = await _fields(request, visit)
    what = forms.kept_mail(fields, visit.by, visit.language)
    await _see_that_it_was_held(gateway, visit, what)
    return await _act(gateway, visit, _Sent(act=Act.KEPT_MAIL, what=what, seen=_seen(fields)))


@router.post(
    "/c/{token}/contest",
    summary="The client says that the report is wrong",
    responses=_ON_RECORD,
    openapi_extra=_form(note=_NOTE),
)
async def contest(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    what = forms.contest(await _fields(request, visit), visit.by, visit.language)
    return await _act(gateway, visit, _Sent(act=Act.CONTEST, what=what))


@router.post(
    "/c/{token}/dispute",
    summary="The client disputes one charge",
    responses=_ON_RECORD,
    openapi_extra=_form(charge={"type": "string"}, note=_NOTE),
)
async def dispute(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await _visit(request, gateway, token)
    what = forms.dispute(await _fields(request, visit), visit.by, visit.language, visit.incident)
    return await _act(gateway, visit, _Sent(act=Act.DISPUTE, what=what))


async def _visit(request: Request, gateway: Gateway, token: str) -> _Visit:
    link = link_of(gateway.portal_secret, token)
    asked = language_of(request.headers.get("accept-language", ""))
    if link is None:
        raise Gone(Shut.UNKNOWN, asked)
    async with gateway.reading() as connection:
        found = await standing(connection, link.incident)
    if found is None:
        raise Gone(Shut.UNKNOWN, asked)
    language, now = found.who.client.language, datetime.now(UTC)
    if link.issue != found.issue:
        raise Gone(Shut.REVOKED, language)
    if not link.open_at(now):
        raise Gone(Shut.EXPIRED, language)
    if found.closed_at is not None and now > found.closed_at + AFTER_THE_END:
        raise Gone(Shut.CLOSED, language)
    return _Visit(token=token, now=found)


async def _page(gateway: Gateway, visit: _Visit) -> PortalPage:
    sender = Sender(provider=gateway.provider, reply_to=gateway.reply_to)
    async with gateway.reading() as connection:
        return await portal_page(connection, visit.now, visit.token, sender)


async def _fields(request: Request, visit: _Visit) -> forms.Fields:
    return forms.read(await body.read(request, forms.LARGEST), visit.language)


def _seen(fields: forms.Fields) -> str | None:
    return "".join(fields["seen"])[:200] or None


async def _see_that_it_was_held(gateway: Gateway, visit: _Visit, what: Fixed | KeptMail) -> None:
    """Problem 422 for messages that were never held: a misspelling would discard nothing."""
    async with gateway.reading() as connection:
        strange = await never_held(
            connection, visit.incident, what.discard_senders, what.discard_messages
        )
    if strange:
        things = ", ".join(strange)[:300]
        raise forms.unclear(visit.language, words.say(visit.language, "never_held", things=things))


async def _act(gateway: Gateway, visit: _Visit, sent: _Sent) -> HTMLResponse:
    incident, language, act = visit.incident, visit.language, sent.act
    # A form that is sent twice is one act; the same words on a page of later are another.
    said = f"{incident}\n{act}\n{sent.seen or visit.now.revision}\n{sent.what}"
    once = hashlib.sha256(said.encode()).hexdigest()
    try:
        if (changed := await _changed(gateway, visit, sent, once)) is not None:
            return changed
        if visit.now.stage is Stage.CLOSED and isinstance(sent.what, Dispute):
            await _disputed_after_the_end(gateway, visit, sent.what, once)
        else:
            await gateway.incidents.act(incident, act, sent.what, once=once)
    except Refused as error:
        log.info("act refused", extra={"incident": incident, "act": act, "why": str(error)})
        raise await _refused(gateway, visit, sent.what) from error
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
    done = await _done(gateway, visit, sent)
    return HTMLResponse(render_page("portal_done.html", language, page=done))


async def _changed(gateway: Gateway, visit: _Visit, sent: _Sent, once: str) -> HTMLResponse | None:
    """The page as it is now, where the answer rests upon what is no longer so. Nothing was done.

    Unless this very form was taken before: then it is what has changed things.
    """
    if sent.seen is None:
        return None
    changed = visit.now.answerable.changed_since(sent.seen)
    if not changed or await gateway.incidents.answered(visit.incident, once) is not None:
        return None
    written = sent.what.note if isinstance(sent.what, Fixed | KeptMail) else ""
    now = replace(await _page(gateway, visit), changed=changed, note=written)
    return HTMLResponse(render_portal(now, visit.language), 409)


async def _disputed_after_the_end(
    gateway: Gateway, visit: _Visit, what: Dispute, once: str
) -> None:
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                await closed.correct(connection, visit.incident, what, once=once)
    except (LookupError, ledger.Refused) as error:
        raise Refused(str(error)) from error


async def _done(gateway: Gateway, visit: _Visit, sent: _Sent) -> PortalDone:
    async with gateway.reading() as connection:
        held = await count_held(connection, visit.incident)
    done = PortalDone(
        token=visit.token,
        incident=visit.incident,
        provider=gateway.provider,
        act=sent.act,
        at=datetime.now(UTC),
        zone=zone_of(visit.who.contract),
        held=held,
    )
    match sent.what:
        case Acknowledge():
            return done
        case Contest(reason=reason) | Dispute(reason=reason):
            return replace(done, note=reason)
        case Fixed(accepts=accepts, answered=answered):
            done = replace(done, accepted=accepts, answered=answered)
        case KeptMail():
            done = replace(done, answered=True)
    return replace(
        done,
        discard_senders=sent.what.discard_senders,
        discard_messages=sent.what.discard_messages,
        note=sent.what.note,
    )


async def _refused(gateway: Gateway, visit: _Visit, what: _What) -> Problem:
    async with gateway.reading() as connection:
        now = await standing(connection, visit.incident) or visit.now
    left = unmet(now.answerable.conditions, what.accepts) if isinstance(what, Fixed) else ()
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
    shown = PortalGone(provider=gateway.provider, reply_to=gateway.reply_to, why=error.why)
    html = render_page("portal_gone.html", error.language, page=shown)
    return HTMLResponse(html, 404 if error.why is Shut.UNKNOWN else 410)
