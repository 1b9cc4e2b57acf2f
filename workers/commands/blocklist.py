"""Asking the blocklists by hand."""

import asyncio
from typing import Annotated

import typer

from activities.blocklists.catalogue import catalogue
from activities.blocklists.dnsbl import BadBlocklists, Blocklists
from activities.blocklists.port import Checked
from domain.blocklists import Blocklist
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused
from workers.settings import Settings

app = typer.Typer(help="DNS blocklists.", no_args_is_help=True)


@app.command("check")
def check(
    addresses: Annotated[list[str], typer.Argument(help="IPv4 or IPv6 addresses, or domains.")],
    json: Json = False,
) -> None:
    """Ask every configured list about each address or domain, now. Needs no database."""
    try:
        checked = asyncio.run(_check(addresses))
    except (ValueError, BadBlocklists) as error:
        raise Refused(str(error)) from error
    if json:
        as_json(checked)
        return
    table(
        ("Address or domain", "List", "Answer", "Reason"),
        [(found.address, found.zone, found.answer, found.reason) for found in checked.found],
    )
    for silent in checked.unanswered:
        line(f"no usable answer from {silent}")
    if not checked.found:
        line(f"not listed on {len(checked.zones) - len(checked.unanswered)} lists")


@app.command("list")
def known(json: Json = False) -> None:
    """The lists that Plazo knows, and those that have ended; any other zone can be asked, too."""
    lists = catalogue()
    if json:
        as_json({
            "lists": tuple(map(_told, lists.lists.values())),
            "with_key": tuple(map(_told, lists.keyed.values())),
            "ended": lists.dead,
        })  # fmt: skip
        return
    table(
        ("List", "Zone", "Keeps", "Weight", "How one gets off"),
        [
            (
                each.name,
                zone,
                ", ".join(sorted(each.keeps)),
                str(each.weight),
                f"expires after {each.hours} h" if each.hours else f"{each.off}: {each.page}",
            )
            for zone, each in lists.lists.items()
        ],
    )
    for zone, each in lists.keyed.items():
        line(f"{each.name} with a subscriber's key: KEY.{zone}")
    for ended in lists.dead:
        line(f"not to be asked: {ended.zone}, {ended.why} ({ended.since})")


def _told(entry: Blocklist) -> dict[str, object]:
    return {
        "zone": entry.zone,
        "name": entry.name,
        "keeps": tuple(sorted(entry.keeps)),
        "codes": {str(code): said for code, said in entry.codes.items()},
        "weight": entry.weight,
        "off": entry.off,
        "hours": entry.hours,
        "page": entry.page,
    }


async def _check(addresses: list[str]) -> Checked:
    known = reach.surroundings()
    zones = Settings.one("PLAZO_BLOCKLISTS", known)
    return await Blocklists(zones, resolver=Settings.one("PLAZO_DNS", known)).check(addresses)
