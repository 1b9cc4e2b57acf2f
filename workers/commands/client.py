"""Direct clients as the console shows them: who they are, what they have, how often it was."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer
from asyncpg import Connection

from book.console import histories, worklist
from domain.console.pages import IncidentRow
from domain.console.views import ClientRow, ContractRow, LadderPlace, ServiceRow
from domain.parties import Client
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.incident import rows_of
from workers.commands.say import as_json, line, table
from workers.leave import Refused

app = typer.Typer(help="Direct clients, with their history.", no_args_is_help=True)

_HISTORY = 100
"""Incidents with a client; more by `plazo incident list --client`."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One client with its history. `ladder` is None without a contract in force."""

    client: str
    name: str
    kind: str
    language: str
    contacts: tuple[str, ...]
    phone: str | None
    ladder: LadderPlace | None
    services: tuple[ServiceRow, ...]
    contracts: tuple[ContractRow, ...]
    incidents: tuple[IncidentRow, ...]


@app.command("list")
def list_clients(
    text: Annotated[str, typer.Argument(help="Part of a name or an id.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    json: Json = False,
) -> None:
    """Clients, those with open incidents first."""
    found = asyncio.run(_list(text, limit))
    if json:
        as_json(found)
        return
    table(
        ("Client", "Name", "Kind", "Open", "Counted", "Last incident (UTC)"),
        [
            (
                row.client,
                row.name,
                row.kind,
                row.open,
                row.counted,
                f"{row.last_opened_at:%Y-%m-%d %H:%M}" if row.last_opened_at else None,
            )
            for row in found
        ],
    )


@app.command("show")
def show(client: str, json: Json = False) -> None:
    """One client: its place on the ladder, services, contracts and incidents."""
    found = asyncio.run(_shown(client))
    if json:
        as_json(found)
        return
    line(f"{found.client}: {found.name}, {found.kind}, written to in {found.language}")
    line(f"contacts: {', '.join(found.contacts)}{f'; phone {found.phone}' if found.phone else ''}")
    line(_place(found.ladder))
    line()
    table(
        ("Service", "Kind", "Host", "Addresses"),
        [(row.service, row.kind, row.host, ", ".join(row.addresses)) for row in found.services],
    )
    line()
    table(
        ("Contract", "Clause", "Measures", "From (UTC)", "Until (UTC)"),
        [
            (
                row.contract,
                row.clause,
                ", ".join(row.measures),
                f"{row.valid_from:%Y-%m-%d}" if row.valid_from else None,
                f"{row.valid_until:%Y-%m-%d}" if row.valid_until else None,
            )
            for row in found.contracts
        ],
    )
    line()
    rows_of(found.incidents)


def _place(ladder: LadderPlace | None) -> str:
    if ladder is None:
        return "no contract is in force, so nothing can be counted"
    counted = f"{len(ladder.counted)} counted within {ladder.window_months} months"
    until = f"; the oldest counts until {ladder.until:%Y-%m-%d}" if ladder.until else ""
    return f"its next incident would be number {ladder.rung} ({counted}{until})"


async def _list(text: str, limit: int) -> tuple[ClientRow, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        return await histories.clients(connection, text, limit)


async def _shown(client: str) -> Shown:
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            them = await histories.calls_them(connection, client)
        except LookupError as error:
            raise Refused(f"{error}; `plazo client list` shows them") from error
        return await _with_history(connection, them)


async def _with_history(connection: Connection, them: Client) -> Shown:
    return Shown(
        client=them.id,
        name=them.name,
        kind=them.kind,
        language=them.language,
        contacts=them.contacts,
        phone=them.phone,
        ladder=await histories.ladder(connection, them),
        services=await histories.services(connection, them.id),
        contracts=await histories.contracts(connection, them.id),
        incidents=await worklist.of_client(connection, them.id, _HISTORY),
    )
