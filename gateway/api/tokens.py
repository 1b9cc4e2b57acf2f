"""`/v1/tokens`: tokens for programs, made and revoked by leads."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.console import sessions
from book.console.desk import NoSuchUser, NotChanged
from book.console.sessions import Token
from book.database import transaction
from domain.console.desk import Right
from domain.units import Hours
from gateway.api import examples
from gateway.api.answers import LONGEST_TEXT, MOST, a_page, asked, told
from gateway.api.bodies import fit, invalid, keepable, taken
from gateway.api.documents import ALWAYS, SENT, gives, problems, takes
from gateway.api.people import no_such_user
from gateway.api.who import Lead
from gateway.gateway import TheGateway, book_at_hand
from gateway.problems import Problem

router = APIRouter(prefix="/v1/tokens", tags=["people"], responses=ALWAYS)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Some tokens, the latest first, and where the list goes on."""

    rows: tuple[Token, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token to be made."""

    user: str
    """Whose: what is done with it goes under this name."""
    label: str
    """What for."""
    scopes: tuple[Right, ...]
    lasts: str | None = None
    """Such as `2160h`; for ever without it."""


@dataclass(frozen=True, kw_only=True)
class MadeToken:
    """A token as it is shown, this once."""

    token: str
    """Sent as `Authorization: Bearer …`."""


@router.get(
    "",
    summary="Tokens by their public beginnings, the latest first",
    operation_id="list_tokens",
    responses=gives(Tokens, Tokens(rows=(examples.TOKEN,), after=None), "Some tokens."),
)
async def listed(
    gateway: TheGateway,
    person: Lead,
    user: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
    after: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    async with gateway.reading() as connection:
        known = await sessions.tokens(connection, None if user is None else asked(user))
    rows, last = a_page(known, lambda row: row.id, after, limit)
    return told(Tokens(rows=rows, after=last))


@router.post(
    "",
    status_code=201,
    summary="Make a token for a user",
    description="It is shown this once. Its scopes are some of the rights of its owner's role.",
    operation_id="make_token",
    responses={
        **gives(MadeToken, MadeToken(token=f"{examples.TOKEN.id}_…"), "The token.", status=201),
        **SENT,
        **problems(404, _409="The user is disabled, or has not such rights."),
    },
    openapi_extra=takes(
        NewToken,
        {"user": "ana", "label": "wallboard", "scopes": ["read"], "lasts": "2160h"},
        label={"minLength": 1, "maxLength": LONGEST_TEXT},
        scopes={"minItems": 1},
    ),
)
async def make(request: Request, gateway: TheGateway, person: Lead) -> Response:
    new = await taken(request, NewToken)
    fit(label=new.label)
    keepable(new.user)
    if not new.scopes:
        raise invalid("scopes: name one at least")
    try:
        lasts = None if new.lasts is None else timedelta(seconds=Hours.parse(new.lasts).seconds)
    except ValueError as error:
        raise invalid(f"lasts: {error}") from error
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                token = await sessions.issue(
                    connection, new.user, new.label, frozenset(new.scopes), by=person.name,
                    lasts=lasts,
                )  # fmt: skip
    except NoSuchUser as error:
        raise no_such_user(new.user) from error
    except NotChanged as error:
        raise Problem(409, "not-changed", f"{error}.") from error
    return told(MadeToken(token=token), 201)


@router.delete(
    "/{token}",
    status_code=204,
    summary="End a token now, by its public beginning",
    operation_id="revoke_token",
    response_class=Response,
    responses={204: {"description": "It opens nothing any more."}, **problems(404)},
)
async def revoke(
    gateway: TheGateway,
    person: Lead,
    token: Annotated[str, Path(max_length=LONGEST_TEXT, examples=[examples.TOKEN.id])],
) -> Response:
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                known = token if token.isprintable() else ""
                await sessions.revoke(connection, known, by=person.name)
    except NotChanged as error:
        raise Problem(
            404, "no-such-token", f"There is no token {token[:100]!a} in force."
        ) from error
    return Response(status_code=204)
