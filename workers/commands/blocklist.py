"""Asking the blocklists by hand."""

import asyncio
from typing import Annotated

import typer

from activities.blocklists.catalogue import catalogue
from activities.blocklists.dnsbl import BadBlocklists, Blocklists
from activities.blocklists.port import Checked
from book import periods
from domain.blocklists import Blocklist
from domain.complaints import canonical_address
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused
from workers.settings import Settings

app = typer.Typer(help="DNS blocklists.", no_args_is_help=True)

_MOMENT = "%Y-%m-%d %H:%M"
"""UTC."""


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


@app.command("history")
def history(
    address: Annotated[str, typer.Argument(help="An IPv4 or IPv6 address.")],
    json: Json = False,
) -> None:
    """When an address was on which list, as far as Plazo has seen it; the newest first."""
    known = canonical_address(address)
    if known is None:
        raise Refused(f'"{address}" is no IP address')
    found = asyncio.run(_history(known))
    if json:
        as_json(found)
        return
    if not found:
        line(f"{known} has not been seen on any list")
        return
    table(
        ("List", "Found", "Seen last", "Gone", "Answer", "Incident"),
        [
            (
                each.zone,
                f"{each.found_at:{_MOMENT}}",
                f"{each.seen_at:{_MOMENT}}",
                each.cleared_at and f"{each.cleared_at:{_MOMENT}}",
                each.answer,
                each.incident,
            )
            for each in found
        ],
    )


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
        "per_second": entry.per_second,
        "per_day": entry.per_day,
        "off": entry.off,
        "hours": entry.hours,
        "page": entry.page,
    }


async def _history(address: str) -> tuple[periods.Period, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        return await periods.history(connection, address)


async def _check(addresses: list[str]) -> Checked:
    known = reach.surroundings()
    zones = Settings.one("PLAZO_BLOCKLISTS", known)
    return await Blocklists(zones, resolver=Settings.one("PLAZO_DNS", known)).check(addresses)
