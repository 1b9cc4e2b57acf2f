"""Whether a link opens anything: the visit that it begins, or why there is none."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import HTMLResponse

from book.console.portal import Standing, portal_page, standing
from book.console.said import client_name
from book.incident.incidents import Parties
from book.letters.notices import Sender
from domain.console.portal import PortalGone, PortalPage, Shut
from domain.letters.links import AFTER_THE_END, link_of
from domain.parties import Language
from gateway.gateway import Gateway
from gateway.problems import language_of
from templates.render import render_page


class Gone(Exception):
    """The link shows nothing, or nothing any more."""

    def __init__(self, why: Shut, language: Language) -> None:
        super().__init__(why)
        self.why = why
        self.language = language


@dataclass(frozen=True, kw_only=True)
class Visit:
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


async def visited(request: Request, gateway: Gateway, token: str) -> Visit:
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
    return Visit(token=token, now=found)


async def page_of(gateway: Gateway, visit: Visit) -> PortalPage:
    sender = Sender(provider=gateway.provider, reply_to=gateway.reply_to)
    async with gateway.reading() as connection:
        return await portal_page(connection, visit.now, visit.token, sender)


async def gone(request: Request, error: Exception) -> HTMLResponse:
    """The page for a link that opens nothing."""
    assert isinstance(error, Gone)
    gateway: Gateway = request.app.state.gateway
    shown = PortalGone(provider=gateway.provider, reply_to=gateway.reply_to, why=error.why)
    html = render_page("portal_gone.html", error.language, page=shown)
    return HTMLResponse(html, 404 if error.why is Shut.UNKNOWN else 410)
