"""The outbox of the ledger: which entries are to be sent, what was tried, and what came of it.

An attempt is written down before it is made and its outcome after, each in one transaction with
what goes on the incident's audit chain. `unsure` stands in between: whoever finds it looks at the
far side first (what came of an attempt is written by book/money/billed.py). The ledger fills the
outbox by itself (infra/migrations/0012.billing.sql).
"""

from collections.abc import Callable
from dataclasses import dataclass

from asyncpg import Connection, Record

from book.money.billed import complete_tasks, record
from book.money.ledger import entry_of
from domain.money.billing import LEDGER, Delivered, DeliveryState, Outgoing
from domain.money.ledger import EntryKind

CHANNEL = "plazo_billing"
"""What is notified when an entry has to be delivered."""

_FAMILY = "entry IN (SELECT key FROM ledger WHERE key = $1 OR of = $1)"
"""A charge and all that takes it back."""


@dataclass(frozen=True, kw_only=True)
class NotYet:
    """So many seconds have to pass until it can be known whether the last attempt arrived."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """An earlier attempt may have arrived: ask the far side before anything else."""

    what: Outgoing


@dataclass(frozen=True, kw_only=True)
class Send:
    """The attempt is on record, and may be made."""

    what: Outgoing


Next = Delivered | NotYet | Look | Send


async def next_step(
    connection: Connection,
    key: str,
    default: str,
    settles: Callable[[str], float],
    worker: str,
) -> Next:
    """What is to be done about an entry now; an attempt to send it is written down as begun.

    `default` is the backend of clients that name none; `settles` says of a backend for how long an
    attempt may still arrive that nobody waits for. Raises LookupError for an unknown entry.
    """
    row = await _locked(connection, key)
    charge = row["of"] or key
    if row["state"] != DeliveryState.WAITING:
        return Delivered(state=DeliveryState(row["state"]), far_id=row["far_id"])
    if row["unsure"]:
        wait = settles(row["backend"]) - row["since"].total_seconds()
        if wait > 0:
            return NotYet(seconds=wait)
        await connection.execute(
            "UPDATE billing_deliveries SET attempts = attempts + 1, next_at = NULL,"
            " changed_at = now() WHERE entry = $1",
            key,
        )
        await _begun(connection, row, row["backend"], row["account"], worker, "look for")
        return Look(what=_outgoing(row, row["backend"], row["account"]))
    held = await _held_back(connection, row, charge)
    if held is not None:
        return held
    backend, account = row["charge_backend"], row["charge_account"]
    if row["entry"] == EntryKind.CHARGE:
        backend, account = row["billing_backend"] or default, row["billing_id"]
        if backend != row["billing_backend"]:
            account = None
    if backend == LEDGER:
        return await _settle(connection, key, DeliveryState.KEPT, "the ledger is the bill")
    await connection.execute(
        "UPDATE billing_deliveries SET attempts = attempts + 1, unsure = true, backend = $2,"
        " account = $3, tried_at = coalesce(tried_at, now()), begun_at = now(), next_at = NULL,"
        " changed_at = now() WHERE entry = $1",
        key,
        backend,
        account,
    )
    await _begun(connection, row, backend, account, worker, "send")
    return Send(what=_outgoing(row, backend, account))


async def _begun(
    connection: Connection, row: Record, backend: str, account: str | None, worker: str, verb: str
) -> None:
    """On record before anything is done."""
    asked = {verb: row["key"], "backend": backend, "account": account,
             "amount": f"{row['amount']:f} {row['currency']}"}  # fmt: skip
    await record(connection, row, row["attempts"] + 1, "started", worker=worker, asked=asked)


async def _locked(connection: Connection, key: str) -> Record:
    """The entry with its delivery, its client's account, and its charge's delivery; both locked."""
    await connection.execute(
        "SELECT FROM billing_deliveries WHERE entry IN"
        " (SELECT coalesce(of, key) FROM ledger WHERE key = $1) FOR UPDATE",
        key,
    )
    await connection.execute("SELECT FROM billing_deliveries WHERE entry = $1 FOR UPDATE", key)
    row = await connection.fetchrow(
        "SELECT l.*, d.state, d.backend, d.account, d.attempts, d.answered, d.unsure, d.tried_at,"
        " d.far_id, now() - d.begun_at AS since, c.billing_backend, c.billing_id,"
        " of.state AS charge_state, of.backend AS charge_backend, of.account AS charge_account,"
        " of.unsure AS charge_unsure, ledger_left(coalesce(l.of, l.key)) AS remains,"
        " EXISTS (SELECT FROM disputes s WHERE s.charge = coalesce(l.of, l.key)"
        "   AND s.settled_at IS NULL) AS disputed"
        " FROM ledger l JOIN billing_deliveries d ON d.entry = l.key"
        " JOIN clients c ON c.id = l.client LEFT JOIN billing_deliveries of ON of.entry = l.of"
        " WHERE l.key = $1",
        key,
    )
    if row is None:
        raise LookupError(f"there is no entry {key} on the ledger")
    return row


async def _held_back(connection: Connection, row: Record, charge: str) -> Delivered | None:
    """Why an entry is not sent now, if it is not."""
    key, state = row["key"], row["charge_state"]
    is_charge = row["entry"] == EntryKind.CHARGE
    never_sent = is_charge or (state not in ("sent", "kept") and not row["charge_unsure"])
    if never_sent and row["remains"] <= 0:
        # Also a charge of nothing. What takes a charge back goes with it.
        await _cancel(connection, charge)
        return Delivered(state=DeliveryState.CANCELLED)
    if is_charge:
        if not row["disputed"]:
            return None
        return await _settle(connection, key, DeliveryState.HELD, "disputed")
    if state == DeliveryState.SENT:
        return None if row["amount"] else await _cancelled(connection, key)
    if state in (DeliveryState.KEPT, DeliveryState.CANCELLED):
        why = "its charge was not sent either"
        return await _settle(connection, key, DeliveryState(state), why)
    return await _settle(connection, key, DeliveryState.HELD, "its charge is to be sent first")


async def _cancelled(connection: Connection, key: str) -> Delivered:
    return await _settle(connection, key, DeliveryState.CANCELLED, "it comes to nothing")


async def _settle(connection: Connection, key: str, state: DeliveryState, why: str) -> Delivered:
    await connection.execute(
        "UPDATE billing_deliveries SET state = $2, error = $3, next_at = NULL, changed_at = now()"
        " WHERE entry = $1",
        key,
        state,
        why,
    )
    return Delivered(state=state)


async def _cancel(connection: Connection, charge: str) -> None:
    """Nothing is left of a charge that has not been sent: neither it nor what took it back is."""
    rows = await connection.fetch(
        "UPDATE billing_deliveries SET state = 'cancelled', next_at = NULL, changed_at = now(),"  # noqa: S608
        f" error = 'nothing was left of the charge before it was sent' WHERE {_FAMILY}"
        " AND state IN ('waiting', 'held', 'refused') AND NOT unsure RETURNING entry",
        charge,
    )
    for row in rows:
        await complete_tasks(connection, row["entry"], "not sent: nothing is left of it")


def _outgoing(row: Record, backend: str, account: str | None) -> Outgoing:
    return Outgoing(
        entry=entry_of(row),
        backend=backend,
        account=account,
        round=row["answered"],
        tried_at=row["tried_at"],
    )
