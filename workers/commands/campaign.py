"""Campaigns that clients announced: within them the provider's own detector does not report."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from book.database import transaction
from book.intake import campaigns
from book.intake.campaigns import Announced, NotAnnounced
from domain.acts import unfit
from domain.hosts import Campaign
from domain.intake.complaints import canonical_domain
from workers.commands import reach
from workers.commands.acting import By, Reason
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused

app = typer.Typer(
    help="Bulk mail that clients announced; third-party reports count all the same.",
    no_args_is_help=True,
)

_SUCH_AS = "2026-12-01T09:00+01:00"


@app.command("announce")
def announce(
    service: str,
    begins: Annotated[str, typer.Option("--from", help=f"The first moment, {_SUCH_AS}.")],
    ends: Annotated[str, typer.Option("--until", help="The first moment after it.")],
    messages: Annotated[
        int, typer.Option(help="Copies altogether: one message to ten people is ten.", min=1)
    ],
    reason: Reason,
    by: By,
    domain: Annotated[
        str | None, typer.Option(help="The sender domain; needed where services share the host.")
    ] = None,
    announced_by: Annotated[
        str | None, typer.Option(help="Who of the client said so; the client itself if not given.")
    ] = None,
) -> None:
    """Write down what a client announced. Prints its number, which `withdraw` takes."""
    try:
        campaign = Campaign(
            id="new",
            begins_at=_moment(begins),
            ends_at=_moment(ends),
            messages=messages,
            domain=None if domain is None else canonical_domain(domain) or domain,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _fit(service, reason, by, announced_by or "")
    line(str(asyncio.run(_announce(service, campaign, announced_by, by, reason))))


@app.command("list")
def list_campaigns(
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are over or withdrawn too.")
    ] = False,
    json: Json = False,
) -> None:
    """Campaigns to come and under way, the latest first."""
    found = asyncio.run(_list(service, everything))
    if json:
        as_json(found)
        return
    table(
        ("No.", "Service", "Domain", "From (UTC)", "Until (UTC)", "Messages", "Announced by",
         "Recorded by", "Reason"),
        [
            (
                each.id, each.service, each.domain or "all",
                f"{each.begins_at:%Y-%m-%d %H:%M}", f"{each.ends_at:%Y-%m-%d %H:%M}",
                each.messages, each.announced_by, each.recorded_by,
                f"withdrawn: {each.withdrawn_why}" if each.withdrawn_at else each.reason,
            )
            for each in found
        ],
    )  # fmt: skip


@app.command("withdraw")
def withdraw(
    number: Annotated[int, typer.Argument(min=1, max=2**63 - 1)], reason: Reason, by: By
) -> None:
    """End a campaign now: what is sent from here on is measured as ever."""
    _fit(reason, by)
    asyncio.run(_withdraw(number, by, reason))
    line(f"withdrawn: {number}")


async def _announce(
    service: str, campaign: Campaign, announced_by: str | None, by: str, reason: str
) -> int:
    async with reach.book() as pool, transaction(pool) as connection:
        try:
            return await campaigns.announce(
                connection, service, campaign,
                announced_by=announced_by, recorded_by=by, reason=reason,
            )  # fmt: skip
        except NotAnnounced as error:
            raise Refused(str(error)) from error


async def _list(service: str | None, everything: bool) -> tuple[Announced, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        return await campaigns.announced(connection, service=service, over_too=everything)


async def _withdraw(number: int, by: str, reason: str) -> None:
    async with reach.book() as pool, transaction(pool) as connection:
        try:
            await campaigns.withdraw(connection, number, by=by, why=reason)
        except NotAnnounced as error:
            raise Refused(str(error)) from error


def _moment(given: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise ValueError(f'"{given}" is not a moment with its offset; write it as {_SUCH_AS}')
    return found


@dataclass(frozen=True)
class _Said:
    words: tuple[str, ...]


def _fit(*words: str) -> None:
    """Raises Refused for words that no database takes."""
    why = unfit(_Said(words))
    if why is not None:
        raise Refused(why)
