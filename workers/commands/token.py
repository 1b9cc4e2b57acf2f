"""API tokens: made, listed, revoked."""

from datetime import timedelta
from typing import Annotated

import typer

from book.console import sessions
from domain.console.desk import Right
from domain.units import Hours
from workers.commands.acting import By
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.commands.user import on_the_book

app = typer.Typer(help="Tokens for programs that read and act.", no_args_is_help=True)


@app.command("create")
def create(
    user: Annotated[str, typer.Argument(help="Whose: what is done with it goes under this name.")],
    by: By,
    label: Annotated[str, typer.Option(help="What for.")],
    scope: Annotated[list[Right], typer.Option(help="What it may do.")] = [Right.READ],  # noqa: B006
    lasts: Annotated[str | None, typer.Option(help="Such as 2160h; for ever without it.")] = None,
) -> None:
    """Print a new token, this once. Send it as `Authorization: Bearer …`."""
    span = None if lasts is None else _span(lasts)
    line(
        on_the_book(
            lambda connection: sessions.issue(
                connection, user, label, frozenset(scope), by=by, lasts=span
            )
        )
    )


@app.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None, json: Json = False
) -> None:
    """Tokens by their public beginnings, the latest first."""
    found = on_the_book(lambda connection: sessions.tokens(connection, user))
    if json:
        as_json(found)
        return
    table(
        ("Token", "User", "Label", "Scopes", "Made (UTC)", "Ends (UTC)", "Used (UTC)", "State"),
        [
            (
                token.id,
                token.person,
                token.label,
                ", ".join(sorted(token.scopes)),
                f"{token.created_at:%Y-%m-%d %H:%M}",
                f"{token.ends_at:%Y-%m-%d %H:%M}" if token.ends_at else None,
                f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else None,
                "revoked" if token.revoked_at else None,
            )
            for token in found
        ],
    )


@app.command("revoke")
def revoke(token: str, by: By) -> None:
    """End a token now, by its public beginning (`plazo_…`)."""
    on_the_book(lambda connection: sessions.revoke(connection, token, by=by))
    line(f"{token} is revoked.")


def _span(lasts: str) -> timedelta:
    try:
        return timedelta(seconds=Hours.parse(lasts).seconds)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
