"""The outbox as a whole: whom to wake, what people see of it, and what they have sent again."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Connection, Record

from book.incident import audit
from book.money.ledger import entry_of
from domain.money.billing import LEDGER, Delivery, DeliveryState, Differs
from domain.steps import TaskKind

_AGAIN = 600
"""Seconds after which an entry that still waits is told of again: its workflow was lost."""

_ROWS = (
    "SELECT l.*, d.state, d.backend, d.account, d.attempts, d.far_id, d.error, d.next_at,"
    " d.changed_at FROM billing_deliveries d JOIN ledger l ON l.key = d.entry "
)


async def keep_here(connection: Connection, default: str) -> int:
    """Settle what is not to be sent, because its client is billed by the ledger; how many."""
    kept = (
        "WITH kept AS (UPDATE billing_deliveries d SET state = 'kept', changed_at = now(),"
        " error = 'the ledger is the bill' FROM ledger l JOIN clients c ON c.id = l.client"
        " LEFT JOIN billing_deliveries of ON of.entry = l.of"
        " WHERE l.key = d.entry AND d.state = 'waiting' AND d.woken_at IS NULL AND NOT d.unsure"
        " AND CASE l.entry WHEN 'charge' THEN coalesce(c.billing_backend, $1) = $2"
        "   ELSE of.state = 'kept' END AND l.entry = ANY($3) RETURNING 1)"
        " SELECT count(*) FROM kept"
    )
    found = 0
    for kinds in (["charge"], ["credit", "void"]):
        found += await connection.fetchval(kept, default, LEDGER, kinds)
    return found


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """An entry whose workflow is to be told; `turn` counts how often it was made to wait."""

    key: str
    incident: str
    client: str
    turn: int


async def to_wake(connection: Connection, at_most: int) -> tuple[Waiting, ...]:
    """In the ledger's order."""
    rows = await connection.fetch(
        "SELECT l.key, l.incident, l.client, d.turn FROM billing_deliveries d"
        " JOIN ledger l ON l.key = d.entry WHERE d.state = 'waiting' AND (d.woken_at IS NULL"
        "   OR greatest(d.woken_at, d.next_at) < now() - make_interval(secs => $1))"
        " ORDER BY l.number LIMIT $2",
        _AGAIN,
        at_most,
    )
    return tuple(Waiting(**row) for row in rows)


async def woken(connection: Connection, told: Sequence[Waiting]) -> None:
    """Their workflows know of this turn. What was made to wait once more since is told again."""
    await connection.execute(
        "UPDATE billing_deliveries d SET woken_at = clock_timestamp()"
        " FROM unnest($1::text[], $2::int[]) AS told (entry, turn)"
        " WHERE d.entry = told.entry AND d.turn = told.turn",
        [each.key for each in told],
        [each.turn for each in told],
    )


async def deliveries(
    connection: Connection,
    *,
    state: DeliveryState | None = None,
    client: str | None = None,
    tried: bool = False,
    after: str | None = None,
    limit: int | None = None,
) -> tuple[Delivery, ...]:
    """In the ledger's order: all, those of a state or a client, or those that were ever sent.

    The first `limit` of those after the entry `after`.
    """
    rows = await connection.fetch(
        _ROWS  # noqa: S608 - constants
        + "WHERE ($1::text IS NULL OR d.state = $1) AND ($2::text IS NULL OR l.client = $2)"
        " AND (NOT $3 OR d.attempts > 0) AND ($4::text IS NULL"
        "   OR l.number > (SELECT number FROM ledger WHERE key = $4))"
        " ORDER BY l.number LIMIT $5",
        state,
        client,
        tried,
        after,
        limit,
    )
    return tuple(map(_delivery, rows))


async def retry(connection: Connection, key: str | None, *, by: str, why: str) -> tuple[str, ...]:
    """Have one entry sent again, or all that were refused; the keys of those that are.

    One that was kept here can be sent by its key. What is only waiting is tried by itself.
    """
    await connection.execute("SELECT tell_billing()")
    rows = await connection.fetch(
        "UPDATE billing_deliveries d SET state = 'waiting', woken_at = NULL, turn = turn + 1,"
        " next_at = NULL, error = NULL, changed_at = now() FROM ledger l WHERE l.key = d.entry"
        " AND (d.state = 'refused' OR ($1::text IS NOT NULL AND d.state = 'kept'))"
        " AND ($1::text IS NULL OR d.entry = $1) RETURNING l.key, l.incident, d.attempts, l.number",
        key,
    )
    for row in sorted(rows, key=lambda each: (each["incident"], each["number"])):
        source = f"billing/{row['key']}/{row['attempts']}/retry/{await _stamp(connection)}"
        body = {"kind": "decision", "what": f"send {row['key']} to billing again",
                "reasons": [why], "by": by}  # fmt: skip
        await audit.append(connection, row["incident"], [(source, body)])
    if rows:
        await connection.execute(
            "UPDATE tasks SET done_at = now(), outcome = $3 WHERE kind = $1 AND done_at IS NULL"
            " AND ($2::text IS NULL OR starts_with(key, 'billing/' || $2 || '/'))",
            TaskKind.BILLING_REFUSED,
            key,
            f"sent again by {by}: {why}",
        )
    return tuple(row["key"] for row in sorted(rows, key=lambda each: each["number"]))


async def _stamp(connection: Connection) -> str:
    stamp: str = await connection.fetchval("SELECT txid_current()::text")
    return stamp


async def state_of(connection: Connection, key: str) -> Delivery | None:
    """How one entry stands; None where there is none of that key."""
    row = await connection.fetchrow(_ROWS + "WHERE l.key = $1", key)
    return None if row is None else _delivery(row)


async def ask_about(connection: Connection, found: Sequence[Differs]) -> int:
    """Open a task for each difference that has none open yet; how many."""
    opened = 0
    for each in found:
        detail = (
            f"{each.key} is {each.here} on the ledger and at {each.backend} ({each.account}):"
            f" {each.difference}{'; ' + each.there if each.there else ''}. Put it right there,"
            " and run `plazo billing reconcile` again"
        )
        new = await connection.fetchval(
            "INSERT INTO tasks (key, incident, kind, about, detail)"
            " VALUES ('reconcile/' || $1 || '/' || txid_current(), $2, $3, $1, $4)"
            " ON CONFLICT DO NOTHING RETURNING 1",
            each.key,
            each.incident,
            TaskKind.BILLING_DIFFERS,
            detail,
        )
        opened += new is not None
    return opened


def _delivery(row: Record) -> Delivery:
    same = ("backend", "account", "attempts", "far_id", "error", "next_at", "changed_at")
    return Delivery(
        entry=entry_of(row),
        state=DeliveryState(row["state"]),
        **{name: row[name] for name in same},
    )
