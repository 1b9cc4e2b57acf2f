"""`plazo billing credit|dispute|settle|waive|void|end-address`: by name, with a reason.

While an incident runs its workflow does it; once it has closed the book is written to from here.
"""

import asyncio
from typing import Annotated

import typer

from book.database import transaction
from book.money import closed, ledger
from domain.acts import Credit, Dispute, Settle, Waive
from domain.incident import Act
from domain.money.costs import ChargeKind, Settlement
from domain.units import Money
from workers.commands import reach
from workers.commands.acting import By, DryRun, Reason, acted, foreseen
from workers.commands.say import line
from workers.leave import Refused

Charge = Annotated[str, typer.Argument(help="Its key, as `plazo billing list` shows it.")]
Amount = Annotated[str | None, typer.Option(help="As 10.00 EUR; all that is left, unless given.")]


def credit(
    charge: Charge, reason: Reason, by: By, amount: Amount = None, dry_run: DryRun = False
) -> None:
    """Take back a part of one charge, or all that is left of it."""
    taken = _money(amount)
    what = Credit(by=by, charge=charge, reason=reason, amount=taken)
    line(asyncio.run(_of_charge(charge, Act.CREDIT, what, dry_run=dry_run)))


def dispute(charge: Charge, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """The client disputes a charge: it is not sent until that is settled. The incident goes on."""
    what = Dispute(by=by, charge=charge, reason=reason)
    line(asyncio.run(_of_charge(charge, Act.DISPUTE, what, dry_run=dry_run)))


def settle(
    charge: Charge,
    settlement: Annotated[Settlement, typer.Argument(help="What came of the dispute.")],
    reason: Reason,
    by: By,
    amount: Amount = None,
    dry_run: DryRun = False,
) -> None:
    """End a dispute: the charge stands (upheld, withdrawn by the client), or is credited."""
    taken = _money(amount)
    what = Settle(by=by, charge=charge, settlement=settlement, reason=reason, amount=taken)
    line(asyncio.run(_of_charge(charge, Act.SETTLE, what, dry_run=dry_run)))


def waive(incident: str, kind: ChargeKind, reason: Reason, by: By, dry_run: DryRun = False) -> None:
    """Forgive one kind of charge of an incident, made or still to be made."""
    what = Waive(by=by, charge=kind, reason=reason)
    line(asyncio.run(_corrected(incident, Act.WAIVE, what, dry_run=dry_run)))


def void(incident: str, reason: Reason, by: By) -> None:
    """Void every charge of an incident that has closed; what is open ends as a false positive."""
    line(asyncio.run(_voided(incident, by, _said(reason))))


def end_address(incident: str, reason: Reason, by: By) -> None:
    """A dedicated address that an incident came to is in force no longer: no further month."""
    line(asyncio.run(_ended(incident, by, _said(reason))))


# --- carrying out --------------------------------------------------------------------------------


async def _of_charge(charge: str, act: Act, what: closed.Correction, *, dry_run: bool) -> str:
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            incident = await closed.incident_of(connection, charge)
        except LookupError as error:
            raise Refused(str(error)) from error
    return await _corrected(incident, act, what, dry_run=dry_run)


async def _corrected(incident: str, act: Act, what: closed.Correction, *, dry_run: bool) -> str:
    """By the incident's workflow while it runs; on the book once it has closed."""
    if dry_run:
        will = await foreseen(incident, act, what, after_the_end=True)
        return "\n".join((*will, "Nothing was done."))
    async with reach.book() as pool:
        try:
            async with transaction(pool) as connection:
                if await closed.has_closed(connection, incident):
                    return f"{await closed.correct(connection, incident, what)}."
        except (LookupError, ledger.Refused) as error:
            raise Refused(str(error)) from error
    return await acted(incident, act, what)


async def _voided(incident: str, by: str, why: str) -> str:
    async with reach.book() as pool:
        try:
            async with transaction(pool) as connection:
                if not await closed.has_closed(connection, incident):
                    raise Refused(
                        f"{incident} is open; say `plazo incident false-positive {incident}`, "
                        "which lifts what is in force and voids every charge"
                    )
                return f"{await closed.void(connection, incident, by, why)}."
        except (LookupError, ledger.Refused) as error:
            raise Refused(str(error)) from error


async def _ended(incident: str, by: str, why: str) -> str:
    async with reach.book() as pool:
        try:
            async with transaction(pool) as connection:
                await closed.has_closed(connection, incident)
                return f"{await closed.end_address(connection, incident, by, why)}."
        except (LookupError, ledger.Refused) as error:
            raise Refused(str(error)) from error


def _money(given: str | None) -> Money | None:
    try:
        return None if given is None else Money.parse(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _said(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("reason is missing")
    return reason
