"""Money: what is on the ledger, what people take back or dispute, and the ledger for others."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from book.money import balances
from domain.clientele.entries import beginning
from domain.letters.notices import ChargeState
from domain.money.ledger import Balance, Entry, Standing
from workers.commands import billing_delivery, corrections, ledger_export, reach, usage
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused
from workers.settings.provider import Settings

app = typer.Typer(help="The ledger, and what people do to it.", no_args_is_help=True)
app.command("credit")(corrections.credit)
app.command("dispute")(corrections.dispute)
app.command("settle")(corrections.settle)
app.command("waive")(corrections.waive)
app.command("void")(corrections.void)
app.command("end-address")(corrections.end_address)
app.command("deliveries")(billing_delivery.deliveries)
app.command("retry")(billing_delivery.retry)
app.command("usage")(usage.show_usage)
app.command("reconcile")(billing_delivery.reconcile)

Since = Annotated[
    str | None, typer.Option(help="From this date (UTC) or moment on, as 2026-11-01.")
]
Until = Annotated[str | None, typer.Option(help="Before this date (UTC) or moment.")]


class State(StrEnum):
    """`ChargeState` without what is no charge yet."""

    DUE = "due"
    DISPUTED = "disputed"
    WAIVED = "waived"
    CREDITED = "credited"
    VOIDED = "voided"


class Format(StrEnum):
    """What the ledger is exported as."""

    CSV = "csv"
    UBL = "ubl"


@app.command("list")
def list_charges(
    client: Annotated[str | None, typer.Option(help="Only of this client.")] = None,
    incident: Annotated[str | None, typer.Option(help="Only of this incident.")] = None,
    since: Since = None,
    until: Until = None,
    state: Annotated[State | None, typer.Option(help="Only those that are so now.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, the latest.")] = 1_000,
    json: Json = False,
) -> None:
    """Charges as they stand, the oldest first."""
    found = asyncio.run(_list(client, incident, _moment(since), _moment(until), state, limit))
    if json:
        as_json([ledger_export.standing_row(each) for each in found])
        return
    table(
        ("Charge", "Client", "Quantity", "Unit price", "Amount", "Left", "State", "Clause", "Why"),
        [
            (
                each.charge.key,
                each.charge.client,
                f"{each.charge.quantity:f} {each.charge.unit}",
                f"{each.charge.unit_price:f}",
                each.charge.amount,
                each.left,
                each.state,
                each.charge.clause,
                each.charge.reason,
            )
            for each in found
        ],
    )


@app.command("balance")
def balance(client: str, json: Json = False) -> None:
    """What a client owes, altogether and for each incident: sums of the ledger's rows."""
    found = asyncio.run(_balance(client))
    if json:
        as_json(list(found))
        return
    if not found:
        line(f"nothing has been charged to {client}")
        return
    table(
        ("Incident", "Charged", "Credited", "Voided", "Balance", "Of it disputed"),
        [
            (
                each.incident or "altogether",
                each.charged,
                each.credited,
                each.voided,
                each.balance,
                each.disputed,
            )
            for each in found
        ],
    )


@app.command("export")
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="A new file; - for stdout.")],
    format: Annotated[Format, typer.Option("--format")] = Format.CSV,
    since: Since = None,
    until: Until = None,
    client: Annotated[str | None, typer.Option(help="Only of this client.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only in this currency.")] = None,
) -> None:
    """Every entry of a time: CSV, or the lines of one client's invoice (UBL 2.1)."""
    entries = [
        entry
        for entry in asyncio.run(_entries(_moment(since), _moment(until)))
        if client in (None, entry.client) and currency in (None, entry.amount.currency)
    ]
    _write(output, _exported(format, entries))
    line(f"{len(entries)} entries") if str(output) != "-" else None


# --- reading -------------------------------------------------------------------------------------


async def _list(
    client: str | None, incident: str | None, since: datetime | None, until: datetime | None,
    state: State | None, limit: int,
) -> tuple[Standing, ...]:  # fmt: skip
    async with reach.book() as pool, pool.acquire() as connection:
        return await balances.charges(
            connection,
            client=client,
            incident=incident,
            since=since,
            until=until,
            state=None if state is None else ChargeState(state),
            limit=limit,
        )


async def _balance(client: str) -> tuple[Balance, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            return await balances.balances(connection, client)
        except LookupError as error:
            raise Refused(str(error)) from error


async def _entries(since: datetime | None, until: datetime | None) -> tuple[Entry, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        return await balances.entries_between(connection, since, until)


def _exported(format: Format, entries: Sequence[Entry]) -> bytes:
    if format is Format.CSV:
        return ledger_export.as_csv(entries).encode()
    provider: str | None = Settings.one("PLAZO_PROVIDER", reach.surroundings())
    now = datetime.now(UTC)
    try:
        return ledger_export.as_ubl(
            entries, number=f"plazo-{now:%Y%m%d%H%M%S}", issued=now, provider=provider or "plazo"
        )
    except ValueError as error:
        raise Refused(f"nothing was exported: {error}") from error


def _write(output: Path, content: bytes) -> None:
    if str(output) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        with output.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise Refused(f"{output} is there already; name a new file") from error
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}") from error


# --- words ---------------------------------------------------------------------------------------


def _moment(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        moment = beginning(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)
