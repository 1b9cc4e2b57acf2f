"""Asking the blocklists by hand."""

import asyncio
from typing import Annotated

import typer

from activities.blocklists.dnsbl import BadBlocklists, Blocklists
from activities.blocklists.port import Checked
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused
from workers.settings import Settings

app = typer.Typer(help="DNS blocklists.", no_args_is_help=True)


@app.command("check")
def check(
    addresses: Annotated[list[str], typer.Argument(help="IPv4 or IPv6 addresses.")],
    json: Json = False,
) -> None:
    """Ask every configured list about each address, now. Needs no database."""
    try:
        checked = asyncio.run(_check(addresses))
    except (ValueError, BadBlocklists) as error:
        raise Refused(str(error)) from error
    if json:
        as_json(checked)
        return
    table(
        ("Address", "List", "Answer", "Reason"),
        [(found.address, found.zone, found.answer, found.reason) for found in checked.found],
    )
    for silent in checked.unanswered:
        line(f"no usable answer from {silent}")
    if not checked.found:
        line(f"not listed on {len(checked.zones) - len(checked.unanswered)} lists")


async def _check(addresses: list[str]) -> Checked:
    known = reach.surroundings()
    zones = Settings.one("PLAZO_BLOCKLISTS", known)
    return await Blocklists(zones, resolver=Settings.one("PLAZO_DNS", known)).check(addresses)
