"""Clients, services and addresses from where they already are: WHMCS, cPanel."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from activities.billing import port as billing
from activities.directories.port import NotListed, directory
from book.clientele import clients, roster
from book.clientele.clients import ContractInUse, NotTheirs
from domain.clientele.changes import Change
from domain.clientele.document import Unreadable
from domain.clientele.listed import Problem
from domain.clientele.sources import Source, read_source
from domain.clientele.understood import understand
from templates.words import languages
from workers.commands import reach
from workers.commands.books import Json, read, show_changes
from workers.commands.say import as_json, line, table
from workers.leave import Refused

app = typer.Typer(help="Clients from where they already are.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What a sync changed, or would change, and what of the other program is bad."""

    applied: bool
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]


@app.command("sync")
def sync(
    source: Annotated[Path, typer.Argument(help="YAML that describes it (docs/clients.md).")],
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Apply all but what is bad there.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what would change, or make it so with --apply, all at once.

    What an open incident needs stays until it is closed. Bad records are listed with what to do;
    with --apply nothing is changed as long as there are any, unless --skip-bad leaves them out.
    """
    if skip_bad and not apply:
        raise typer.BadParameter("--skip-bad says what to do with --apply; give both")
    done = asyncio.run(_sync(_source(source), apply=apply, skip_bad=skip_bad))
    if json:
        as_json(done)
    else:
        show_changes(done.changes)
        bad(done.problems)
        line(_summary(done))
    if apply and not done.applied:
        raise Refused("nothing was changed; correct what is bad, or leave it out with --skip-bad")


def bad(problems: Sequence[Problem]) -> None:
    """A table of what has to be put right in the other program."""
    if problems:
        line()
        table(("Bad there", "What to do"), [(each.where, each.what) for each in problems])


def _summary(done: Synced) -> str:
    held = sum(bool(each.held) for each in done.changes)
    number = len(done.changes) - held
    said = [f"{number} changed" if done.applied else f"{number} would change"]
    said += [f"{held} held back"] if held else []
    said += [f"{len(done.problems)} bad"] if done.problems else []
    return ", ".join(said)


def _source(file: Path) -> Source:
    try:
        return read_source(read(file).decode(), languages=languages(), backends=billing.names())
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8: {error}") from error
    except Unreadable as unreadable:
        problems = "\n".join(f"{file}: {problem}" for problem in unreadable.errors)
        raise Refused(f"nothing was read:\n{problems}") from unreadable


async def _sync(source: Source, *, apply: bool, skip_bad: bool) -> Synced:
    async with reach.book() as pool:
        try:
            listed = await directory(source).listed()
        except NotListed as error:
            raise Refused(f"nothing was changed: {error}") from error
        understood = understand(source, listed)
        if not understood.clientele.clients and not understood.problems:
            # An API role that sees nothing must not look like a provider without clients.
            raise Refused(
                f"nothing was changed: {source.address} lists no client that rents anything which "
                "is below products; check the key's rights, and the names of the products"
            )
        really = apply and (skip_bad or not understood.problems)
        try:
            resolved = await roster.sync(pool, source, understood, apply=really)
        except (ContractInUse, NotTheirs, clients.Overlap) as refused:
            raise Refused(f"nothing was changed: {refused}") from refused
        return Synced(applied=really, changes=resolved.changes, problems=understood.problems)
