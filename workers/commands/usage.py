"""What an incident's redirected mail is billed by: `plazo billing usage`."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer

from book.database import transaction
from book.incident import incidents
from book.money import readings, usage
from domain.money.metering import HOST, Reading
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All readings, and what they add up to."""

    incident: str
    usage: usage.Usage
    readings: tuple[Reading, ...]


def show_usage(
    incident: Annotated[str, typer.Argument(help="The incident's id.")],
    json: Json = False,
) -> None:
    """Every reading of an incident's redirected mail, and the quantity that they add up to."""
    found = asyncio.run(_usage(incident))
    if json:
        as_json(found)
        return
    if found.usage.quantity is None:
        line(f"{incident} has no redirect that was in force: nothing to meter")
        return
    counts = set(found.usage.evidence)
    table(
        ("No.", "Source", "Host", "Measure", "Counter since", "Up to (UTC)", "Messages",
         "Read (UTC)", ""),
        [
            (
                each.id, each.source, each.host, each.measure, each.epoch or "unnamed",
                None if each.up_to is None else f"{each.up_to:%Y-%m-%d %H:%M:%S}",
                each.value, f"{each.taken_at:%Y-%m-%d %H:%M:%S}",
                "counts" if each.id in counts else "",
            )
            for each in found.readings
        ],
    )  # fmt: skip
    line()
    table(
        ("Measure", "Host", "By", "Messages", "Host's own log"),
        [
            (each.key, each.host, each.source, each.metered.quantity,
             each.metered.quantity if each.source == HOST else each.elsewhere)
            for each in found.usage.redirects
        ],
    )  # fmt: skip
    line(f"{found.usage.quantity} messages")


async def _usage(incident: str) -> Shown:
    async with reach.book() as pool, transaction(pool) as connection:
        try:
            await incidents.parties(connection, incident)
        except LookupError as error:
            raise Refused(str(error)) from error
        return Shown(
            incident=incident,
            usage=await usage.usage(connection, incident),
            readings=await readings.of_incident(connection, incident),
        )
