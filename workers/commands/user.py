"""Users of the console: added, listed, changed, let in no more."""

import asyncio
import getpass
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from asyncpg import Connection

from book.console import desk
from book.database import transaction
from domain.console.desk import Role, checked_name, checked_secret
from gateway.desk import hashing
from workers.commands import reach
from workers.commands.acting import By, Reason
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused

app = typer.Typer(help="The provider's people: who may look, act, decide.", no_args_is_help=True)

T = TypeVar("T")
SignOn = Annotated[
    str | None,
    typer.Option(
        "--sign-on",
        metavar="SUBJECT",
        help="The OpenID Connect issuer and `sub`, a space between, as a refused sign-on shows it.",
    ),
]


@app.command("add")
def add(
    name: str,
    by: By,
    role: Annotated[Role, typer.Option(help="viewer looks; desk acts; lead decides too.")],
    full_name: Annotated[str, typer.Option("--full-name", help="As people call them.")] = "",
    sign_on: SignOn = None,
) -> None:
    """Add a user. Without --sign-on, ask for a secret (or read it from a pipe)."""
    _named(name)
    kept = None if sign_on is not None else _hash_of_a_new(name)

    async def work(connection: Connection) -> None:
        await desk.add(
            connection, name, full_name or name, role, by=by, secret=kept, subject=sign_on
        )

    on_the_book(work)
    line(f"{name} is a {role}.")


@app.command("list")
def list_users(json: Json = False) -> None:
    """Everybody, and when they were last seen."""
    found = on_the_book(desk.users)
    if json:
        as_json(found)
        return
    table(
        ("User", "Name", "Role", "Signs on as", "Last seen (UTC)", "Disabled (UTC)"),
        [
            (
                user.name,
                user.full_name,
                user.role,
                user.subject,
                f"{user.seen_at:%Y-%m-%d %H:%M}" if user.seen_at else None,
                f"{user.disabled_at:%Y-%m-%d %H:%M}" if user.disabled_at else None,
            )
            for user in found
        ],
    )


@app.command("role")
def role(name: str, role: Role, by: By) -> None:
    """Make a user a viewer, desk or lead. Their sessions end."""
    on_the_book(lambda connection: desk.set_role(connection, name, role, by=by))
    line(f"{name} is a {role} now.")


@app.command("secret")
def secret(name: str, by: By) -> None:
    """Set a user's secret anew. Their sessions end."""
    kept = _hash_of_a_new(_named(name))
    on_the_book(lambda connection: desk.set_secret(connection, name, kept, by=by))
    line(f"{name} has a new secret.")


@app.command("disable")
def disable(name: str, reason: Reason, by: By) -> None:
    """Let a user in no more. Sessions and tokens end now; what they did stays on record."""
    on_the_book(lambda connection: desk.disable(connection, name, by=by, why=reason))
    line(f"{name} is disabled.")


@app.command("enable")
def enable(name: str, reason: Reason, by: By) -> None:
    """Let a disabled user in again."""
    on_the_book(lambda connection: desk.enable(connection, name, by=by, why=reason))
    line(f"{name} may come in again.")


def on_the_book(work: Callable[[Connection], Awaitable[T]]) -> T:
    async def done() -> T:
        async with reach.book() as pool, transaction(pool) as connection:
            try:
                return await work(connection)
            except (desk.NoSuchUser, desk.NotChanged) as error:
                raise Refused(str(error)) from error

    return asyncio.run(done())


def _named(name: str) -> str:
    try:
        return checked_name(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _hash_of_a_new(name: str) -> str:
    if sys.stdin.isatty():
        suggestion = secrets.token_urlsafe(15)
        given = getpass.getpass(f"Secret for {name} (Enter takes {suggestion}): ") or suggestion
        if given != suggestion and getpass.getpass("Again: ") != given:
            raise Refused("the two are not the same; nothing was changed")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    try:
        checked_secret(given, name)
    except ValueError as error:
        raise Refused(f"this secret cannot be taken: {error}") from error
    return asyncio.run(hashing.hashed(given))
