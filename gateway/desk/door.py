"""`/sign-in` and `/sign-out`: how the provider's people come in, by a secret or by sign-on."""

import ipaddress
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from book.console import desk, sessions
from domain.console.desk import LONGEST_SECRET
from domain.parties import Language
from gateway.desk import hashing
from gateway.desk.sessions import SIGN_IN, SignedIn, back_to, cookie_of, form_of, posted
from gateway.desk.sign_on import AWAY, SignOn, SignOnFailed
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.problems import Problem
from templates.render import render_page

log = logging.getLogger("plazo.gateway")

router = APIRouter(tags=["desk"], default_response_class=HTMLResponse)

_IN_FLIGHT = timedelta(minutes=10)
"""How long somebody may take at the identity provider."""

_STATE = "plazo-sign-on"
"""The cookie that ties a sign-on's return to the browser that began it."""


@dataclass(frozen=True, kw_only=True)
class SignInPage:
    """`sign_in.html`. `said` is why the last try was not let in."""

    provider: str
    to: str
    sign_on: bool
    said: str = ""
    name: str = ""


@router.get(SIGN_IN, summary="The way in")
async def sign_in(
    gateway: TheGateway, to: Annotated[str, Query(max_length=2_000)] = "/"
) -> HTMLResponse:
    return _page(gateway, to)


@router.post(SIGN_IN, summary="Sign in with a secret")
async def let_in(request: Request, gateway: TheGateway) -> Response:
    fields = await form_of(request, gateway)
    name = "".join(fields["user"])[:64].strip().lower()
    secret = "".join(fields["secret"])[: LONGEST_SECRET + 1]
    to = "".join(fields["to"])
    address = _address(request)
    with book_at_hand():
        async with gateway.pool.acquire() as connection:
            left = await sessions.may_try(connection, (f"user:{name}", f"address:{address}"))
            kept = await desk.secret_of(connection, name) if not left else None
    if left:
        said = f"Too many tries have failed. Try again in {left} s."
        return _page(gateway, to, said=said, name=name, status=429, retry_after=left)
    if not await hashing.fits(secret, kept):
        log.warning("sign-in refused", extra={"user": name, "address": address})
        said = "No user signs in with this. Look at both, and try again."
        return _page(gateway, to, said=said, name=name, status=401)
    assert kept is not None
    anew = await hashing.hashed(secret) if hashing.outdated(kept) else None
    with book_at_hand():
        async with gateway.pool.acquire() as connection, connection.transaction():
            if anew is not None:
                await desk.rehashed(connection, name, kept, anew)
            token, _ = await sessions.begin(connection, name, address)
            await desk.record(connection, "signed in", name, address=address)
    return _welcome(gateway, token, to)


@router.post("/sign-out", summary="End the session")
async def sign_out(request: Request, gateway: TheGateway, session: SignedIn) -> Response:
    await posted(request, session, gateway)
    with book_at_hand():
        async with gateway.pool.acquire() as connection:
            await sessions.end(connection, request.cookies[cookie_of(gateway)])
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(cookie_of(gateway), path="/")
    return response


@router.get("/sign-on", summary="Sign on at the provider's OpenID Connect issuer")
async def sign_on(
    gateway: TheGateway, to: Annotated[str, Query(max_length=2_000)] = "/"
) -> Response:
    issuer = _issuer(gateway)
    try:
        begun = await issuer.begin()
    except (SignOnFailed, *AWAY) as error:
        log.warning("sign-on not begun", extra={"why": str(error)})
        said = f"The sign-on cannot be used now: {error}"[:300]
        return _page(gateway, to, said=said, status=503)
    with book_at_hand():
        async with gateway.pool.acquire() as connection:
            await sessions.sent_off(
                connection, begun.state, begun.nonce, begun.verifier, back_to(to), _IN_FLIGHT
            )
    response = RedirectResponse(begun.address, 303)
    response.set_cookie(
        _STATE, begun.state, max_age=int(_IN_FLIGHT.total_seconds()), path="/sign-on",
        httponly=True, samesite="lax", secure=gateway.public_url.startswith("https:"),
    )  # fmt: skip
    return response


@router.get("/sign-on/return", summary="Where the issuer sends people back to")
async def signed_on(
    request: Request,
    gateway: TheGateway,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4_000)] = "",
) -> Response:
    issuer = _issuer(gateway)
    with book_at_hand():
        async with gateway.pool.acquire() as connection:
            sent = await sessions.come_back(connection, state)
    if sent is None or state != request.cookies.get(_STATE) or not code:
        return _page(gateway, "/", said="This sign-on is over. Begin it again.", status=400)
    try:
        who = await issuer.finish(code, nonce=sent.nonce, verifier=sent.verifier)
    except (SignOnFailed, *AWAY) as error:
        log.warning("sign-on failed", extra={"why": str(error)})
        said = f"The sign-on did not succeed: {error}"[:300]
        return _page(gateway, sent.back_to, said=said, status=403)
    address = _address(request)
    with book_at_hand():
        async with gateway.pool.acquire() as connection, connection.transaction():
            user = await desk.by_subject(connection, who)
            if user is not None and user.disabled_at is None:
                token, _ = await sessions.begin(connection, user.name, address)
                await desk.record(connection, "signed on", user.name, address=address)
                return _welcome(gateway, token, sent.back_to)
    log.warning("sign-on of a stranger", extra={"subject": who})
    said = f'Nobody here signs on as "{who}". A lead can add you: plazo user add NAME --sign-on.'
    return _page(gateway, sent.back_to, said=said, status=403)


def _welcome(gateway: Gateway, token: str, to: str) -> Response:
    response = RedirectResponse(back_to(to), 303)
    response.set_cookie(
        cookie_of(gateway), token, max_age=int(sessions.LASTS.total_seconds()), path="/",
        httponly=True, samesite="lax", secure=gateway.public_url.startswith("https:"),
    )  # fmt: skip
    return response


def _page(
    gateway: Gateway, to: str, *, said: str = "", name: str = "", status: int = 200,
    retry_after: int | None = None,
) -> HTMLResponse:  # fmt: skip
    page = SignInPage(
        provider=gateway.provider,
        to=back_to(to),
        sign_on=gateway.sign_on is not None,
        said=said,
        name=name,
    )
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return HTMLResponse(render_page("sign_in.html", Language.EN, page=page), status, headers)


def _issuer(gateway: Gateway) -> SignOn:
    if gateway.sign_on is None:
        raise Problem(404, "no-sign-on", "There is no sign-on here (PLAZO_OIDC_ISSUER is not set).")
    return gateway.sign_on


def _address(request: Request) -> str:
    """Whose tries are counted together: an IPv4 address, an IPv6 /64 as one host can fill it."""
    client = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return "::"
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)
