"""`/people`: who comes in at the desk, and the tokens in force. Leads see to everybody."""

from typing import Annotated, Any, Literal

from asyncpg import Connection
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from book.console import desk, sessions
from book.console.desk import NoSuchUser, NotChanged
from book.database import transaction
from domain.console.desk import Right
from domain.console.looks import PeoplePage, PersonPage, TokenRow, UserRow
from gateway.desk.act_forms import LONGEST_REASON
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn, insist, posted
from gateway.gateway import TheGateway, book_at_hand
from gateway.problems import Problem

_ANSWERS: dict[int | str, dict[str, Any]] = {
    303: {"description": "Done, and back to the people."},
    403: {"description": "The role has not this right, or the form is not this session's."},
    404: {"description": "No such user."},
    409: {"description": "It stays as it is; the page says why."},
    422: {"description": "The form lacks a reason."},
}
router = APIRouter(tags=["desk"], default_response_class=HTMLResponse, responses=_ANSWERS)

Change = Literal["disable", "enable", "revoke"]
Name = Annotated[str, Query(max_length=200)]

_WILL = {
    "disable": (
        "{name} is let in no more: their sessions and tokens end now.",
        "What they did stays on record under their name.",
    ),
    "enable": ("{name} is let in again. Tokens that were ended stay ended.",),
    "revoke": ("The token {name} opens nothing any more. It cannot be brought back.",),
}


@router.get("/people", summary="Who comes in, and by which tokens")
async def people(request: Request, gateway: TheGateway, session: SignedIn) -> Response:
    me, leads = session.person.name, session.person.may(Right.ADMINISTER)
    async with gateway.reading() as connection:
        users = [one for one in await desk.users(connection) if leads or one.name == me]
        tokens = await sessions.tokens(connection, None if leads else me)
        now = await connection.fetchval("SELECT now()")
    page = PeoplePage(
        provider=gateway.provider,
        person=session.person,
        csrf=session.csrf,
        leads=leads,
        users=tuple(
            UserRow(
                name=one.name, full_name=one.full_name, role=one.role, seen_at=one.seen_at,
                disabled_at=one.disabled_at,
            )
            for one in users
        ),
        tokens=tuple(
            TokenRow(
                id=one.id, person=one.person, label=one.label, scopes=one.scopes,
                created_at=one.created_at, ends_at=one.ends_at, last_used_at=one.last_used_at,
            )
            for one in tokens
            if one.revoked_at is None and (one.ends_at is None or one.ends_at > now)
        ),
    )  # fmt: skip
    return shown(request, "people.html", page)


@router.get("/people/{change}", summary="What a change of a user or a token will do")
async def form(
    request: Request, gateway: TheGateway, session: SignedIn, change: Change, name: Name
) -> Response:
    _may(session, change)
    return shown(request, "person.html", _page(gateway, session, change, name))


@router.post("/people/{change}", summary="Disable or enable a user, or end a token")
async def do(
    request: Request, gateway: TheGateway, session: SignedIn, change: Change, name: Name
) -> Response:
    _may(session, change)
    reason = " ".join("".join((await posted(request, session, gateway))["reason"]).split())
    if change != "revoke" and not 0 < len(reason) <= LONGEST_REASON:
        said = f"give a reason of at most {LONGEST_REASON:,} characters; it goes on record."
        return shown(request, "person.html", _page(gateway, session, change, name, said), 422)
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                await _change(connection, session, change, _plain(name), reason)
    except NoSuchUser as error:
        raise Problem(404, "no-such-user", f"There is no user {name[:100]!a}.") from error
    except NotChanged as error:
        page = _page(gateway, session, change, name, f"{error}.")
        return shown(request, "person.html", page, 409)
    return RedirectResponse("/people", 303)


async def _change(
    connection: Connection, session: SignedIn, change: Change, name: str, reason: str
) -> None:
    me = session.person
    match change:
        case "disable":
            await desk.disable(connection, name, by=me.name, why=reason)
        case "enable":
            await desk.enable(connection, name, by=me.name, why=reason)
        case "revoke":
            owner = None if me.may(Right.ADMINISTER) else me.name
            await sessions.revoke(connection, name, by=me.name, owner=owner)


def _may(session: SignedIn, change: Change) -> None:
    """Everybody may end tokens, of their own at least."""
    if change != "revoke":
        insist(session.person, Right.ADMINISTER)


def _page(
    gateway: TheGateway, session: SignedIn, change: Change, name: str, said: str = ""
) -> PersonPage:
    return PersonPage(
        provider=gateway.provider,
        person=session.person,
        csrf=session.csrf,
        subject=name,
        what=change,
        will=tuple(sentence.format(name=name) for sentence in _WILL[change]),
        said=said,
    )


def _plain(name: str) -> str:
    return name if name.isprintable() else ""
