"""Delivery of the ledger to where clients are billed: how it stands, once more, and compared."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

import typer

from activities.billing import port
from activities.billing.port import Away, Backends
from activities.billing.port import Refused as BackendRefused
from book.database import transaction
from book.money import outbox
from domain.money.billing import Delivery, DeliveryState, Differs, compare
from workers.commands import reach
from workers.commands.acting import By, Reason
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused


def deliveries(
    state: Annotated[DeliveryState | None, typer.Option(help="Only those that are so now.")] = None,
    client: Annotated[str | None, typer.Option(help="Only of this client.")] = None,
    json: Json = False,
) -> None:
    """Entries of the ledger, and whether they have reached the client's bill."""
    found = asyncio.run(_deliveries(state, client))
    if json:
        as_json([_row(each) for each in found])
        return
    table(
        ("Entry", "Amount", "State", "Backend", "Account", "Id there", "Attempts", "Again (UTC)",
         "Why"),
        [
            (
                each.entry.key, each.entry.amount, each.state, each.backend, each.account,
                each.far_id, each.attempts, each.next_at and f"{each.next_at:%Y-%m-%d %H:%M:%S}",
                each.error,
            )
            for each in found
        ],
    )  # fmt: skip


def retry(
    reason: Reason,
    by: By,
    entry: Annotated[
        str | None, typer.Argument(help="Its key, as `plazo billing deliveries` shows it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that was refused.")] = False,
) -> None:
    """Send what was refused once more, when what stood in its way has been put right."""
    if (entry is None) is not everything:
        raise typer.BadParameter("name one entry, or write --all")
    again = asyncio.run(_retry(entry, by, reason))
    for key in again:
        line(f"to be sent again: {key}")
    if not again:
        line("nothing was refused")


def reconcile(
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Open a task for each difference.")
    ] = False,
    json: Json = False,
) -> None:
    """Hold what was sent against what is there; exits 1 where the two differ."""
    compared, found, untold, opened = asyncio.run(_reconcile(tasks))
    if json:
        as_json([_difference(each) for each in found])
    elif found:
        table(
            ("Entry", "Backend", "Account", "Difference", "Ledger", "There"),
            [
                (each.key, each.backend, each.account, each.difference, each.here, each.there)
                for each in found
            ],
        )
    if not json:
        line(f"{compared} entries compared")
        for name, number in untold.items():
            line(f"{number} at {name} cannot be compared: it does not list what it has")
        if tasks:
            line(f"{opened} tasks opened")
    if found:
        raise Refused(f"{len(found)} of {compared} entries differ from what is there")


async def _deliveries(state: DeliveryState | None, client: str | None) -> tuple[Delivery, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        return await outbox.deliveries(connection, state=state, client=client)


async def _retry(key: str | None, by: str, reason: str) -> tuple[str, ...]:
    async with reach.book() as pool, transaction(pool) as connection:
        if key is not None:
            _see_that_it_can(key, await outbox.state_of(connection, key))
        return await outbox.retry(connection, key, by=by, why=reason)


def _see_that_it_can(key: str, found: Delivery | None) -> None:
    match found:
        case None:
            raise Refused(f"there is no entry {key}; `plazo billing deliveries` shows them")
        case Delivery(state=DeliveryState.SENT):
            raise Refused(f"{key} was sent: {found.backend} has it as {found.far_id}")
        case Delivery(state=DeliveryState.WAITING):
            again = f" at {found.next_at:%H:%M:%S} UTC" if found.next_at else ""
            raise Refused(f"{key} waits, and is tried again by itself{again}")
        case Delivery(state=DeliveryState.HELD | DeliveryState.CANCELLED):
            raise Refused(f"{key} is {found.state}: {found.error}")


async def _reconcile(open_tasks: bool) -> tuple[int, tuple[Differs, ...], dict[str, int], int]:
    settings = reach.settings()
    async with reach.book() as pool, port.opened(settings.billing_access) as backends:
        async with pool.acquire() as connection:
            tried = await outbox.deliveries(connection, tried=True)
        found: list[Differs] = []
        compared = opened = 0
        untold: dict[str, int] = defaultdict(int)
        for (name, account), several in _by_account(tried).items():
            told = await _compare(backends, name, account, several)
            if told is None:
                untold[name] += len(several)
                continue
            number, differences, silent = told
            compared += number
            found += differences
            if silent:
                untold[name] += silent
        if open_tasks:
            async with transaction(pool) as connection:
                opened = await outbox.ask_about(connection, found)
    return compared, tuple(found), dict(untold), opened


def _by_account(
    tried: Sequence[Delivery],
) -> dict[tuple[str, str | None], list[Delivery]]:
    found: dict[tuple[str, str | None], list[Delivery]] = {}
    for each in tried:
        found.setdefault((str(each.backend), each.account), []).append(each)
    return found


async def _compare(
    backends: Backends, name: str, account: str | None, several: Sequence[Delivery]
) -> tuple[int, tuple[Differs, ...], int] | None:
    """How many were compared, what differs, and how many the far side does not list; None: all."""
    if account is None:
        return None
    since = min(each.entry.entered_at for each in several)
    try:
        backend = backends.named(name)
        there = await backend.there(account, since)
    except (BackendRefused, Away) as error:
        raise Refused(f"{name} cannot be asked about {account}: {error}") from error
    if there is None:
        return None
    listed = tuple(each for each in several if each.far_id is None or backend.lists(each.far_id))
    sent = sum(each.state is DeliveryState.SENT for each in listed)
    return sent, compare(listed, there), len(several) - len(listed)


def _row(each: Delivery) -> dict[str, object]:
    return {
        "entry": each.entry.key,
        "kind": each.entry.entry,
        "incident": each.entry.incident,
        "client": each.entry.client,
        "amount": f"{each.entry.amount.amount:f}",
        "currency": each.entry.amount.currency,
        "state": each.state,
        "backend": each.backend,
        "account": each.account,
        "far_id": each.far_id,
        "attempts": each.attempts,
        "next_at": each.next_at,
        "error": each.error,
        "changed_at": each.changed_at,
    }


def _difference(each: Differs) -> dict[str, object]:
    return {
        "entry": each.key,
        "incident": each.incident,
        "backend": each.backend,
        "account": each.account,
        "difference": each.difference,
        "amount": f"{each.here.amount:f}",
        "currency": each.here.currency,
        "there": each.there,
    }
