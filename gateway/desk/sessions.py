"""Who is asking: the session of a cookie, or the token of a program; and whether they may."""

from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from book.console import sessions
from book.console.sessions import Session
from domain.console.desk import Person, Right
from gateway import body
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.problems import Problem, prefers_html, response_to

SIGN_IN = "/sign-in"
LARGEST = 256 * 1024
"""Bytes of a form of the desk's."""

_MOST_FIELDS = 2_000

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="An API token of a user at the desk (`plazo token create`), with its scopes.",
)


class NotSignedIn(Problem):
    """Nobody, or nobody any more: people are brought to the door, programs are told."""

    def __init__(self) -> None:
        super().__init__(
            401,
            "not-signed-in",
            "This needs a signed-in user, or an API token (make one with `plazo token create`).",
            headers={"WWW-Authenticate": 'Bearer realm="plazo"'},
        )


def cookie_of(gateway: Gateway) -> str:
    """The session's cookie. Over TLS its name keeps other hosts of the domain from setting it."""
    return "__Host-plazo" if gateway.public_url.startswith("https:") else "plazo"


async def signed_in(request: Request, gateway: TheGateway) -> Session:
    """Raises NotSignedIn."""
    token = request.cookies.get(cookie_of(gateway), "")
    if not token:
        raise NotSignedIn()
    with book_at_hand():
        async with gateway.pool.acquire() as connection:
            found = await sessions.session(connection, token)
    if found is None:
        raise NotSignedIn()
    return found


SignedIn = Annotated[Session, Depends(signed_in)]
"""A route's parameter of this type is the session of whoever asks; nobody else gets there."""


async def with_a_token(
    gateway: TheGateway, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Person:
    """Whoever a program acts for. Raises NotSignedIn."""
    if given is None:
        raise NotSignedIn()
    with book_at_hand():
        async with gateway.pool.acquire() as connection:
            found = await sessions.bearer(connection, given.credentials)
    if found is None:
        raise NotSignedIn()
    return found


WithToken = Annotated[Person, Depends(with_a_token)]
"""A route's parameter of this type is the owner of the token, with the rights that it carries."""


def insist(person: Person, right: Right) -> None:
    """Problem 403 unless the person has the right."""
    if not person.may(right):
        raise Problem(
            403,
            "not-allowed",
            f'{person.name} has not the right "{right}" here; a lead can change that '
            "(`plazo user role`, or a token with that scope).",
        )


def needs(right: Right) -> Callable[[Person], Coroutine[Any, Any, Person]]:
    """A dependency of API routes: the token's owner, if they have the right."""

    async def allowed(person: WithToken) -> Person:
        insist(person, right)
        return person

    return allowed


Fields = defaultdict[str, list[str]]


async def posted(request: Request, session: Session, gateway: Gateway) -> Fields:
    """The fields of a form that this session's page has sent. Problem 403 for any other's."""
    fields = await form_of(request, gateway)
    if fields["csrf"] != [session.csrf]:
        raise _not_ours()
    return fields


async def form_of(request: Request, gateway: Gateway) -> Fields:
    """An `application/x-www-form-urlencoded` body that was sent from one of our own pages."""
    ours = urlsplit(gateway.public_url)
    ways = {f"{ours.scheme}://{ours.netloc}"}
    if ours.scheme == "http":  # on one's own machine, by any of its names
        ways.add(f"http://{request.headers.get('host', '')}")
    # Browsers send it with each form (Fetch §3.2); "null" is a page that hides where it is from.
    if request.headers.get("origin", next(iter(ways))) not in ways:
        raise _not_ours()
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _not_ours()
    fields: Fields = defaultdict(list)
    try:
        text = (await body.read(request, LARGEST)).decode("ascii")
        for name, value in parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        ):
            fields[name].append(value)
    except ValueError as error:
        raise Problem(422, "unclear-form", f"This is no form of ours: {error}"[:300]) from error
    return fields


def back_to(path: str) -> str:
    """A path of ours to go to; the front page for what would lead anywhere else."""
    parts = urlsplit(path)
    strange = parts.scheme or parts.netloc or not path.startswith("/") or path[1:2] in ("/", "\\")
    return "/" if strange or not path.isprintable() else path


async def to_the_door(request: Request, error: Exception) -> Response:
    """People who are not signed in are asked to, and come back to where they were going."""
    assert isinstance(error, NotSignedIn)
    if not prefers_html(request.headers.get("accept", "")):
        return response_to(request, error)
    path = request.url.path if request.method == "GET" else "/"
    if request.method == "GET" and request.url.query:
        path += f"?{request.url.query}"
    return RedirectResponse(f"{SIGN_IN}?to={quote(path, safe='')}", 303)


def _not_ours() -> Problem:
    return Problem(
        403,
        "not-our-form",
        "This was not sent from a page of this session. Open the page anew and send it from there.",
    )
