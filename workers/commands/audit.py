"""The audit chain: recomputed, and taken out as a file."""

import asyncio
from typing import Annotated

import typer

from book.incident import audit as chains
from domain.record import Break
from workers.commands import reach
from workers.commands.say import as_json, line
from workers.leave import Refused

app = typer.Typer(help="The record of every attempt and every decision.", no_args_is_help=True)


@app.command("verify")
def verify(
    incident: Annotated[str | None, typer.Argument(help="One incident; all if not given.")] = None,
) -> None:
    """Recompute the chains; names the first entry of each that is not as it was appended."""
    found = asyncio.run(_verify(incident))
    if incident is not None and not found:
        raise Refused(f"there is no incident {incident}")
    broken = [each for _, _, each in found if each is not None]
    for name, entries, each in found:
        line(f"{name}: {entries} entries, {'broken' if each else 'whole'}")
    if broken:
        raise Refused("\n".join(map(str, broken)))


async def _verify(incident: str | None) -> list[tuple[str, int, Break | None]]:
    async with reach.book() as pool:
        return [
            found
            async for found in chains.verify_all(pool)
            if incident is None or found[0] == incident
        ]


@app.command("export")
def export(incident: str) -> None:
    """One incident's chain as JSON: every entry with its hash, as anyone can recompute it."""
    entries = asyncio.run(_chain(incident))
    if not entries:
        raise Refused(f"there is no chain of {incident}")
    as_json(entries)


async def _chain(incident: str) -> list[dict[str, object]]:
    async with reach.book() as pool, pool.acquire() as connection:
        return [
            {
                "incident": entry.incident,
                "seq": entry.seq,
                "at": entry.at,
                "source": entry.source,
                "body": entry.body,
                "previous": entry.previous.hex(),
                "hash": entry.hash.hex(),
            }
            for entry in await chains.chain(connection, incident)
        ]
