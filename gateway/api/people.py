"""`/v1/users`: the provider's people, for leads; and `/v1/me`, whom a token acts for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from asyncpg import Connection
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.console import desk
from book.console.desk import NoSuchUser, NotChanged, User
from book.database import transaction
from domain.console.desk import (
    LONGEST_SECRET,
    SHORTEST_SECRET,
    Right,
    Role,
    checked_name,
    checked_secret,
)
from gateway.api import examples
from gateway.api.answers import LONGEST_TEXT, MOST, a_page, single, told
from gateway.api.bodies import LONGEST_REASON, fit, invalid, keepable, taken
from gateway.api.documents import ALWAYS, SENT, gives, problems, takes
from gateway.api.who import Lead
from gateway.desk import hashing
from gateway.desk.sessions import WithToken
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.problems import Problem

router = APIRouter(prefix="/v1", tags=["people"], responses=ALWAYS)

T = TypeVar("T")
Name = Annotated[str, Path(max_length=LONGEST_TEXT, examples=[examples.USER.name])]
_UNKNOWN = problems(404)
_REFUSED = problems(_409="It stays as it is; the detail says why.")
_WORDS = {"minLength": 1, "maxLength": LONGEST_REASON}


@dataclass(frozen=True, kw_only=True)
class Me:
    """Whom a token acts for, and what it may do."""

    name: str
    full_name: str
    role: Role
    scopes: tuple[Right, ...]
    """The token's, as far as its owner still has them."""


@dataclass(frozen=True, kw_only=True)
class Users:
    """Some users by name, and where the list goes on."""

    rows: tuple[User, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """Somebody to let in: with a secret, by sign-on (`subject`), or both."""

    name: str
    role: Role
    full_name: str = ""
    secret: str | None = None
    subject: str | None = None
    """The OpenID Connect issuer and `sub`, a space between."""


@dataclass(frozen=True, kw_only=True)
class NewRole:
    """What a user is from now on."""

    role: Role


@dataclass(frozen=True, kw_only=True)
class NewSecret:
    """What a user signs in with from now on."""

    secret: str


@dataclass(frozen=True, kw_only=True)
class Why:
    """The reason, which goes on record."""

    reason: str


_NEW_SECRET = {"minLength": SHORTEST_SECRET, "maxLength": LONGEST_SECRET}


@router.get(
    "/me",
    summary="Whom this token acts for, and its scopes",
    operation_id="read_me",
    responses=gives(
        Me,
        Me(name="ana", full_name="Ana Ruiz", role=Role.LEAD, scopes=(Right.READ, Right.ACT)),
        "The token's owner.",
    ),
)
async def me(person: WithToken) -> Response:
    scopes = tuple(right for right in Right if person.may(right))
    return told(Me(name=person.name, full_name=person.full_name, role=person.role, scopes=scopes))


@router.get(
    "/users",
    summary="Everybody, the disabled too",
    operation_id="list_users",
    responses=gives(Users, Users(rows=(examples.USER,), after=None), "Some users."),
)
async def users(
    gateway: TheGateway,
    person: Lead,
    after: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    async with gateway.reading() as connection:
        everybody = await desk.users(connection)
    rows, last = a_page(everybody, lambda row: row.name, after, limit)
    return told(Users(rows=rows, after=last))


@router.get(
    "/users/{name}",
    summary="One user",
    operation_id="read_user",
    responses={**gives(User, examples.USER, "The user.", tagged=True), **_UNKNOWN},
)
async def user(request: Request, gateway: TheGateway, person: Lead, name: Name) -> Response:
    async with gateway.reading() as connection:
        try:
            return single(request, await desk.user(connection, _plain(name)))
        except NoSuchUser as error:
            raise no_such_user(name) from error


@router.post(
    "/users",
    status_code=201,
    summary="Add a user",
    operation_id="add_user",
    responses={**gives(User, examples.USER, "Added.", status=201), **SENT, **_REFUSED},
    openapi_extra=takes(
        NewUser,
        {"name": "bo", "role": "desk", "full_name": "Bo", "subject": "https://id.example 42"},
        name={"pattern": "^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"},
    ),
)
async def add(request: Request, gateway: TheGateway, person: Lead) -> Response:
    new = await taken(request, NewUser)
    try:
        checked_name(new.name)
    except ValueError as error:
        raise invalid(f"name: {error}") from error
    keepable(new.full_name, new.subject or "")
    if len(new.full_name) > LONGEST_TEXT or len(new.subject or "") > LONGEST_REASON:
        raise invalid("full_name: is too long")
    if not (new.secret or new.subject):
        raise invalid("it: give a secret, or the subject of their sign-on")
    kept = None if new.secret is None else await _hash(new.secret, new.name)
    return told(
        await _changed(
            gateway, new.name,
            lambda connection: desk.add(
                connection, new.name, new.full_name or new.name, new.role, by=person.name,
                secret=kept, subject=new.subject,
            ),
        ),
        201,
    )  # fmt: skip


@router.put(
    "/users/{name}/role",
    summary="Make a user a viewer, desk or lead; their sessions end",
    operation_id="set_role",
    responses={**gives(User, examples.USER, "So it is."), **_UNKNOWN, **SENT, **_REFUSED},
    openapi_extra=takes(NewRole, {"role": "lead"}),
)
async def set_role(request: Request, gateway: TheGateway, person: Lead, name: Name) -> Response:
    new = await taken(request, NewRole)
    return told(
        await _changed(
            gateway, name,
            lambda connection: desk.set_role(connection, _plain(name), new.role, by=person.name),
        )
    )  # fmt: skip


@router.put(
    "/users/{name}/secret",
    summary="Set what a user signs in with anew; their sessions end",
    operation_id="set_secret",
    responses={**gives(User, examples.USER, "So it is."), **_UNKNOWN, **SENT, **_REFUSED},
    openapi_extra=takes(NewSecret, {"secret": "three words and a 7"}, secret=_NEW_SECRET),
)
async def set_secret(request: Request, gateway: TheGateway, person: Lead, name: Name) -> Response:
    kept = await _hash((await taken(request, NewSecret)).secret, name)
    return told(
        await _changed(
            gateway, name,
            lambda connection: desk.set_secret(connection, _plain(name), kept, by=person.name),
        )
    )  # fmt: skip


@router.post(
    "/users/{name}/disable",
    summary="Let a user in no more: sessions and tokens end now",
    operation_id="disable_user",
    responses={**gives(User, examples.USER, "Disabled."), **_UNKNOWN, **SENT, **_REFUSED},
    openapi_extra=takes(Why, {"reason": "Has left."}, reason=_WORDS),
)
async def disable(request: Request, gateway: TheGateway, person: Lead, name: Name) -> Response:
    why = await taken(request, Why)
    fit(reason=why.reason)
    return told(
        await _changed(
            gateway, name,
            lambda connection: desk.disable(
                connection, _plain(name), by=person.name, why=why.reason
            ),
        )
    )  # fmt: skip


@router.post(
    "/users/{name}/enable",
    summary="Let a disabled user in again",
    operation_id="enable_user",
    responses={**gives(User, examples.USER, "Enabled."), **_UNKNOWN, **SENT, **_REFUSED},
    openapi_extra=takes(Why, {"reason": "Is back."}, reason=_WORDS),
)
async def enable(request: Request, gateway: TheGateway, person: Lead, name: Name) -> Response:
    why = await taken(request, Why)
    fit(reason=why.reason)
    return told(
        await _changed(
            gateway, name,
            lambda connection: desk.enable(
                connection, _plain(name), by=person.name, why=why.reason
            ),
        )
    )  # fmt: skip


async def _changed(
    gateway: Gateway, name: str, work: Callable[[Connection], Awaitable[None]]
) -> User:
    """Do it, and read the user back, in one transaction."""
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                await work(connection)
                return await desk.user(connection, _plain(name))
    except NoSuchUser as error:
        raise no_such_user(name) from error
    except NotChanged as error:
        raise Problem(409, "not-changed", f"{error}.") from error


async def _hash(secret: str, name: str) -> str:
    try:
        return await hashing.hashed(checked_secret(secret, name))
    except ValueError as error:
        raise invalid(f"secret: {error}") from error


def _plain(name: str) -> str:
    return name if name.isprintable() else ""


def no_such_user(name: str) -> Problem:
    return Problem(404, "no-such-user", f"There is no user {name[:100]!a}.")
