"""What goes into the book of record: its schema, and the clients."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from activities.billing import port as billing
from book import schema
from book.clientele import clients, roster
from book.clientele.clients import ContractInUse, NotTheirs
from domain.clientele.changes import Change
from domain.clientele.file import Clientele, Unreadable, read_clientele
from templates.words import languages
from workers.commands import reach
from workers.commands.say import line, table
from workers.leave import Refused

Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]


def migrate() -> None:
    """Bring the book of record's schema to the current version; safe to run at once twice."""
    asyncio.run(_reachable())
    applied = schema.migrate(reach.database_url())
    line(f"applied: {', '.join(applied)}" if applied else "current already")


async def _reachable() -> None:
    async with reach.book():
        return


def import_file(
    file: Annotated[Path, typer.Argument(help="YAML as in docs/example.yaml; - reads stdin.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what it would change.")
    ] = False,
) -> None:
    """Import clients, contracts, services and addresses: all of a file, or nothing of it."""
    try:
        clientele = read_clientele(
            read(file).decode(), backends=billing.names(), languages=languages()
        )
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8: {error}; nothing was imported") from error
    except Unreadable as unreadable:
        problems = "\n".join(f"{file}: {problem}" for problem in unreadable.errors)
        raise Refused(f"nothing was imported:\n{problems}") from unreadable
    if dry_run:
        changes = asyncio.run(_rehearse(clientele))
        show_changes(changes)
        line(f"{len(changes)} would change")
        return
    imported = asyncio.run(_import(clientele))
    line(
        f"imported {imported.clients} clients, {imported.contracts} contracts, "
        f"{imported.hosts} hosts, {imported.services} services, {imported.addresses} addresses"
    )


async def _import(clientele: Clientele) -> clients.Imported:
    async with reach.book() as pool:
        try:
            return await clients.keep(pool, clientele)
        except (ContractInUse, NotTheirs, clients.Overlap) as refused:
            raise Refused(f"nothing was imported: {refused}") from refused


async def _rehearse(clientele: Clientele) -> tuple[Change, ...]:
    async with reach.book() as pool:
        try:
            return await roster.rehearse(pool, clientele)
        except (ContractInUse, NotTheirs, clients.Overlap) as refused:
            raise Refused(f"it could not be imported: {refused}") from refused


def show_changes(changes: Sequence[Change]) -> None:
    """A table of changes; of what is held back with the reason."""
    if changes:
        rows = [(c.how, c.what, c.id, c.detail, c.held and f"held back: {c.held}") for c in changes]
        table(("Change", "What", "Id", "Detail", ""), rows)


def read(file: Path) -> bytes:
    """A file, or standard input for -. Raises Refused."""
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from error
