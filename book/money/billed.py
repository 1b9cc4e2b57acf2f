"""What came of an attempt to bill an entry, in one transaction with the incident's audit chain."""

from datetime import timedelta

from asyncpg import Connection, Record

from book.incident import audit, tasks
from domain.money.billing import Delivered, DeliveryState, pause_after
from domain.steps import TaskKind

STEP = "deliver_entry"


async def absent(connection: Connection, key: str, worker: str) -> None:
    """The far side was asked, and does not have it: the attempt before did not arrive."""
    row = await _attempted(connection, "unsure = false", key)
    if row is not None:
        done = {"outcome": "done", "result": {"state": "not there"}}
        await record(connection, row, row["attempts"], "ended", worker=worker, **done)


async def sent(connection: Connection, key: str, far_id: str, worker: str) -> Delivered:
    """It is there: what waited for it goes on, and nobody has to see to it any more."""
    row = await _attempted(
        connection,
        "state = 'sent', far_id = $2, unsure = false, error = NULL, next_at = NULL",
        key,
        far_id,
    )
    if row is not None:
        done = {"outcome": "done", "result": {"state": "sent", "far_id": far_id}}
        await record(connection, row, row["attempts"], "ended", worker=worker, **done)
        await complete_tasks(connection, key, f"sent: {far_id}")
        await connection.execute(
            "SELECT tell_billing() FROM ledger l JOIN billing_deliveries d ON d.entry = l.key"
            " WHERE l.of = $1 AND d.state = 'held'",
            key,
        )
        await connection.execute(
            "UPDATE billing_deliveries d SET state = 'waiting', woken_at = NULL, turn = turn + 1,"
            " error = NULL, changed_at = now() FROM ledger l WHERE l.key = d.entry AND l.of = $1"
            " AND d.state = 'held'",
            key,
        )
    return Delivered(state=DeliveryState.SENT, far_id=far_id)


async def refused(
    connection: Connection, key: str, why: str, worker: str, *, unsure: bool, everywhere: bool
) -> Delivered:
    """The far side said no: a person is asked, and the charge stays due.

    One that says no to everything is one task, however many entries wait for it.
    """
    row = await _attempted(
        connection,
        "state = 'refused', error = $2, unsure = $3, answered = answered + 1, next_at = NULL",
        key,
        why,
        unsure,
    )
    if row is not None:
        words = {"outcome": "failed", "error": why}
        await record(connection, row, row["attempts"], "ended", worker=worker, **words)
        again = f"; then run `plazo billing retry {'--all' if everywhere else key}`"
        if everywhere:
            await connection.execute(
                "INSERT INTO tasks (key, kind, about, detail) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT DO NOTHING",
                f"billing/{key}/{row['attempts']}",
                TaskKind.BILLING_REFUSED,
                f"billing backend {row['backend']}",
                f"{why}{again}",
            )
        else:
            await tasks.open_task(
                connection,
                row["incident"],
                f"billing/{key}/{row['attempts']}",
                TaskKind.BILLING_REFUSED,
                f"{key} ({row['amount']} {row['currency']}) is not billed yet: {why}{again}",
            )
    return Delivered(state=DeliveryState.REFUSED)


async def postponed(
    connection: Connection, key: str, why: str, worker: str,
    *, unsure: bool, answered: bool, after: float | None, at_least: float,
) -> float:  # fmt: skip
    """The far side is away: in how many seconds it is tried again."""
    attempts = await connection.fetchval(
        "SELECT attempts FROM billing_deliveries WHERE entry = $1 FOR UPDATE", key
    )
    seconds = max(pause_after(attempts), after or 0.0, at_least)
    row = await _attempted(
        connection,
        "error = $2, unsure = $3, answered = answered + $4, next_at = now() + $5::interval",
        key,
        why,
        unsure,
        int(answered),
        timedelta(seconds=seconds),
    )
    if row is not None:
        words = {"outcome": "failed", "error": why}
        await record(connection, row, row["attempts"], "ended", worker=worker, **words)
    return seconds


async def _attempted(
    connection: Connection, changes: str, key: str, *values: object
) -> Record | None:
    """Change an entry that is still waiting; None where another worker has been faster."""
    return await connection.fetchrow(
        f"UPDATE billing_deliveries d SET {changes}, changed_at = now() FROM ledger l"  # noqa: S608
        " WHERE d.entry = $1 AND l.key = d.entry AND d.state = 'waiting'"
        " RETURNING l.*, d.backend, d.attempts",
        key,
        *values,
    )


async def record(
    connection: Connection, row: Record, attempt: int, phase: str, **more: object
) -> None:
    """On the incident's chain, as every other step's attempts are."""
    body = {"kind": "attempt", "phase": phase, "step": STEP, "attempt": attempt, **more}
    body.setdefault("entry", row["key"])
    source = f"billing/{row['key']}/{attempt}/{phase}"
    await audit.append(connection, row["incident"], [(source, body)])


async def complete_tasks(connection: Connection, key: str, outcome: str) -> None:
    await connection.execute(
        "UPDATE tasks SET done_at = now(), outcome = $3 WHERE kind = $1 AND done_at IS NULL"
        " AND incident IS NOT NULL AND starts_with(key, $2)",
        TaskKind.BILLING_REFUSED,
        f"billing/{key}/",
        outcome,
    )
