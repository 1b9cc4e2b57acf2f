"""What goes into the book of record: its schema, and the clients."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from book import clients, schema
from book.clients import ContractInUse, NotTheirs
from domain.clientele import Clientele, Unreadable, read_clientele
from workers.commands import reach
from workers.commands.say import line
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
) -> None:
    """Import clients, contracts, services and addresses: all of a file, or nothing of it."""
    try:
        clientele = read_clientele(_read(file).decode())
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8: {error}; nothing was imported") from error
    except Unreadable as unreadable:
        problems = "\n".join(f"{file}: {problem}" for problem in unreadable.errors)
        raise Refused(f"nothing was imported:\n{problems}") from unreadable
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


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from error
