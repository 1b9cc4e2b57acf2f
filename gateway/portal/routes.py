"""`/c/<token>`: the direct client's page of one incident, and its forms.

The token is the client's credential and stands in the path of every form, so no other site can
make a form that counts. Looking changes nothing: mail scanners open every link.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from book.console.portal import never_held
from domain.acts import Acknowledge, Fixed, KeptMail
from domain.incident import Act
from gateway import body
from gateway.gateway import Gateway, TheGateway
from gateway.portal import forms, words
from gateway.portal.answers import Sent, take
from gateway.portal.visits import Visit, page_of, visited
from templates.render import render_portal

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
    visit = await visited(request, gateway, token)
    return HTMLResponse(render_portal(await page_of(gateway, visit), visit.language))


@router.post(
    "/c/{token}/acknowledge", summary="The client has read the notice", responses=_ON_RECORD
)
async def acknowledge(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await visited(request, gateway, token)
    return await take(gateway, visit, Sent(act=Act.ACKNOWLEDGE, what=Acknowledge(by=visit.by)))


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
    visit = await visited(request, gateway, token)
    fields = await _fields(request, visit)
    what = forms.fixed(fields, visit.by, visit.language)
    await _see_that_it_was_held(gateway, visit, what)
    return await take(gateway, visit, Sent(act=Act.FIXED, what=what, seen=_seen(fields)))


@router.post(
    "/c/{token}/kept-mail",
    summary="What becomes of mail that stayed held when the measure ended",
    responses=_ON_RECORD,
    openapi_extra=_form(discard_sender=_SEVERAL, discard_message=_SEVERAL, note=_NOTE),
)
async def kept_mail(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await visited(request, gateway, token)
    fields = await _fields(request, visit)
    what = forms.kept_mail(fields, visit.by, visit.language)
    await _see_that_it_was_held(gateway, visit, what)
    return await take(gateway, visit, Sent(act=Act.KEPT_MAIL, what=what, seen=_seen(fields)))


@router.post(
    "/c/{token}/contest",
    summary="The client says that the report is wrong",
    responses=_ON_RECORD,
    openapi_extra=_form(note=_NOTE),
)
async def contest(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await visited(request, gateway, token)
    what = forms.contest(await _fields(request, visit), visit.by, visit.language)
    return await take(gateway, visit, Sent(act=Act.CONTEST, what=what))


@router.post(
    "/c/{token}/dispute",
    summary="The client disputes one charge",
    responses=_ON_RECORD,
    openapi_extra=_form(charge={"type": "string"}, note=_NOTE),
)
async def dispute(request: Request, gateway: TheGateway, token: str) -> HTMLResponse:
    visit = await visited(request, gateway, token)
    what = forms.dispute(await _fields(request, visit), visit.by, visit.language, visit.incident)
    return await take(gateway, visit, Sent(act=Act.DISPUTE, what=what))


async def _fields(request: Request, visit: Visit) -> forms.Fields:
    return forms.read(await body.read(request, forms.LARGEST), visit.language)


def _seen(fields: forms.Fields) -> str | None:
    return "".join(fields["seen"])[:200] or None


async def _see_that_it_was_held(gateway: Gateway, visit: Visit, what: Fixed | KeptMail) -> None:
    """Problem 422 for messages that were never held: a misspelling would discard nothing."""
    async with gateway.reading() as connection:
        strange = await never_held(
            connection, visit.incident, what.discard_senders, what.discard_messages
        )
    if strange:
        things = ", ".join(strange)[:300]
        raise forms.unclear(visit.language, words.say(visit.language, "never_held", things=things))
