"""Asking the blocklists by hand, and what they were and have been asked."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from activities.blocklists.catalogue import catalogue
from activities.blocklists.dnsbl import BadBlocklists, Blocklists
from activities.blocklists.port import Checked, kind_of, subject
from book.blocklists import delisting, periods, snds
from domain.blocklists.blocklist import Blocklist, Keeps
from domain.intake.complaints import canonical_address
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused
from workers.settings.provider import Settings

app = typer.Typer(help="DNS blocklists.", no_args_is_help=True)

_NAMES = {
    Keeps.IP4: "IPv4 addresses",
    Keeps.IP6: "IPv6 addresses",
    Keeps.DOMAIN: "domains",
}  # fmt: skip

_MOST = 5
"""Of what is on no list, named one by one."""

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
    for kind, asked in _by_kind(checked):
        line(_clean(checked, kind, asked))


@app.command("history")
def history(
    about: Annotated[str, typer.Argument(help="An IPv4 or IPv6 address, or a domain.")],
    json: Json = False,
) -> None:
    """When an address or a domain was on which list, as far as Plazo has seen it; newest first."""
    try:
        known = str(subject(about))
    except ValueError as error:
        raise Refused(str(error)) from error
    found, days = asyncio.run(_history(known))
    if json:
        as_json({"listings": found, "snds": days})
        return
    for day in days:
        line(f"Microsoft: {day}")
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


@app.command("requests")
def requests(
    incident: Annotated[str, typer.Argument(help="Its id, as `plazo incident list` shows it.")],
    json: Json = False,
) -> None:
    """What Plazo has asked lists for in an incident, and what came back."""
    found = asyncio.run(_requests(incident))
    if json:
        as_json(found)
        return
    if not found:
        line(f"nothing was asked of any list for {incident}")
        return
    table(
        ("List", "About", "Round", "By", "To", "Written", "Answer"),
        [
            (
                each.zone,
                ", ".join(each.subjects),
                each.round,
                each.by,
                each.sent_to,
                f"{each.written_at:{_MOMENT}}",
                f"{'taken' if each.taken else 'not taken'}: {each.answer}" if each.answer else None,
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
            "feeds": tuple(map(_told, lists.feeds.values())),
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
                _off(each),
            )
            for zone, each in lists.lists.items()
        ],
    )
    for zone, each in lists.feeds.items():
        line(f"{each.name}, no DNS list and treated as one: {zone}")
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
        "note": entry.note,
        "requests": tuple(
            {"by": each.by, "to": each.to, "source": each.source} for each in entry.requests
        ),
    }


def _off(entry: Blocklist) -> str:
    """How one gets off, at a glance."""
    by = ", ".join(f"by {each.by} to {each.to}" for each in entry.requests)
    rest = f"expires after {entry.hours} h" if entry.hours else f"{entry.off}: {entry.page}"
    return f"{by}; else {rest}" if by else rest


def _by_kind(checked: Checked) -> list[tuple[Keeps, list[str]]]:
    """What was asked about, by what kind of list can hold it."""
    kinds: dict[Keeps, list[str]] = {}
    for address in checked.addresses:
        kinds.setdefault(kind_of(subject(address)), []).append(address)
    return list(kinds.items())


def _clean(checked: Checked, kind: Keeps, asked: Sequence[str]) -> str:
    """What is on no list, or that no list can tell."""
    keeping = {zone for zone in checked.zones if (zone, kind) not in checked.not_kept}
    if not keeping:
        return (
            f"no list of {_NAMES[kind]} is among PLAZO_BLOCKLISTS, so nothing is known of"
            f" {_some(asked)}; `plazo blocklist list` has some"
        )
    listed = {found.address for found in checked.found}
    clean = [each for each in asked if each not in listed]
    sure = keeping - {each.zone for each in checked.unanswered}
    return f"not listed on {len(sure)} lists of {_NAMES[kind]}: {_some(clean) or 'none of them'}"


def _some(subjects: Sequence[str]) -> str:
    return ", ".join(subjects[:_MOST]) + (
        f" and {len(subjects) - _MOST} more" if len(subjects) > _MOST else ""
    )


_History = tuple[tuple[periods.Period, ...], tuple[snds.Day, ...]]


async def _history(about: str) -> _History:
    async with reach.book() as pool, pool.acquire() as connection:
        days = await snds.of_address(connection, about) if canonical_address(about) else ()
        return await periods.history(connection, about), days


async def _requests(incident: str) -> tuple[delisting.Asked, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            await delisting.cause(connection, incident)
        except LookupError as error:
            raise Refused(f"{error}; `plazo incident list` shows those that there are") from error
        return await delisting.filed(connection, incident)


async def _check(addresses: list[str]) -> Checked:
    known = reach.surroundings()
    zones = Settings.one("PLAZO_BLOCKLISTS", known)
    return await Blocklists(zones, resolver=Settings.one("PLAZO_DNS", known)).check(addresses)
