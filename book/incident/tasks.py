"""What only a person can do: opened once, taken by somebody, done once, with what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from book.incident.incidents import parties
from book.money import bills
from domain.money.costs import ChargeKind
from domain.record import canonical
from domain.steps import TaskKind
from domain.tasks import ANY_OTHER, WITHIN, Task

_KINDS = [str(kind) for kind in WITHIN]
_SPANS = list(WITHIN.values())

_TASKS = (
    "SELECT key, kind, detail, incident, opened_at, owner, taken_at, done_at, done_by, outcome,"
    " minutes, told_at, due FROM (SELECT t.*, coalesce(t.due_at, t.opened_at + coalesce("
    "   (SELECT span FROM unnest($1::text[], $2::interval[]) AS given (kind, span)"
    "     WHERE given.kind = t.kind), $3::interval)) AS due FROM tasks t) AS known "
)


class NoSuchTask(LookupError):
    """There is no task of this key; `plazo task list` shows them."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no task {key}; `plazo task list` shows them")


class TaskDone(ValueError):
    """Somebody has done it already; what came of it stands."""

    def __init__(self, key: str, by: str | None, outcome: str | None) -> None:
        who = f" by {by}" if by else ""
        super().__init__(f"{key} is done{who}: {outcome}; what came of it stands")


class ToldWhen(ValueError):
    """The client was told in between the incident's beginning and now; correct the moment."""

    def __init__(self, opened_at: datetime) -> None:
        super().__init__(
            f"nobody can have been told before the incident began ({opened_at:%Y-%m-%d %H:%M} "
            "UTC), nor later than now; correct the moment"
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a task: by whom, in words, and what it took."""

    by: str
    outcome: str
    minutes: int | None = None
    """Of a person's work, where that is known."""
    told_at: datetime | None = None
    """When the client was told by other means, which begins a deadline that no letter began."""


async def open_task(
    connection: Connection,
    incident: str,
    key: str,
    kind: TaskKind,
    detail: str,
    *,
    about: str | None = None,
) -> None:
    """The same key again opens no second one, nor does what an open one is `about` already."""
    await connection.execute(
        "INSERT INTO tasks (key, incident, kind, detail, about) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        key,
        incident,
        kind,
        detail,
        about,
    )


async def complete(
    connection: Connection,
    incident: str,
    kind: TaskKind,
    outcome: str,
    *,
    by: str | None = None,
    minutes: int | None = None,
) -> None:
    """Mark an incident's open tasks of one kind as done."""
    await connection.execute(
        "UPDATE tasks SET done_at = now(), outcome = $3, done_by = $4, minutes = CASE WHEN key ="
        # Several may be done by one piece of work, which is charged once.
        "   (SELECT min(key) FROM tasks WHERE incident = $1 AND kind = $2 AND done_at IS NULL)"
        "   THEN $5::int END"
        " WHERE incident = $1 AND kind = $2 AND done_at IS NULL",
        incident,
        kind,
        outcome,
        by,
        minutes,
    )


async def find(
    connection: Connection,
    *,
    owner: str | None = None,
    due_by: datetime | None = None,
    done: bool = False,
    after: Task | None = None,
    limit: int = 1_000,
) -> tuple[Task, ...]:
    """Tasks, the most urgent first: `owner`'s only, those due by a moment only, done ones too.

    The list goes on after the task `after`.
    """
    rows = await connection.fetch(
        _TASKS + "WHERE ($4::text IS NULL OR owner = $4) AND ($5::timestamptz IS NULL OR due <= $5)"
        " AND ($6 OR done_at IS NULL) AND ($10::text IS NULL"
        "   OR (done_at IS NOT NULL, due, key) > ($8::boolean, $9::timestamptz, $10))"
        " ORDER BY done_at IS NOT NULL, due, key LIMIT $7",
        _KINDS,
        _SPANS,
        ANY_OTHER,
        owner,
        due_by,
        done,
        limit,
        after and after.done_at is not None,
        after and after.due,
        after and after.key,
    )
    return tuple(Task(**row) for row in rows)


async def one(connection: Connection, key: str) -> Task:
    """The task of a key. Raises NoSuchTask."""
    row = await connection.fetchrow(_TASKS + "WHERE key = $4", _KINDS, _SPANS, ANY_OTHER, key)
    if row is None:
        raise NoSuchTask(key)
    return Task(**row)


async def assign(
    connection: Connection, key: str, owner: str, by: str, *, due_at: datetime | None = None
) -> Task:
    """Give a task to somebody, who may be the one who asks. Raises NoSuchTask or TaskDone."""
    task = await _open(connection, key)
    await connection.execute(
        "UPDATE tasks SET owner = $2, taken_at = now(), due_at = coalesce($3, due_at),"
        " reminded_at = NULL WHERE key = $1",
        key,
        owner,
        due_at,
    )
    was = f"was {task.owner}'s" if task.owner and task.owner != owner else ""
    await _on_record(connection, task, "assigned", {"owner": owner, "by": by, "before": was})
    return await one(connection, key)


async def finish(connection: Connection, key: str, what: Outcome) -> Task:
    """Put on record what came of a task, and wake its incident.

    Raises NoSuchTask, TaskDone or ToldWhen.
    """
    task = await _open(connection, key)
    if what.told_at is not None:
        began = await connection.fetchrow(
            "SELECT opened_at, $2 BETWEEN opened_at AND now() AS fits FROM incidents WHERE id = $1",
            task.incident,
            what.told_at,
        )
        if began is not None and not began["fits"]:
            raise ToldWhen(began["opened_at"])
    await connection.execute(
        "UPDATE tasks SET done_at = now(), done_by = $2, outcome = $3, minutes = $4, told_at = $5"
        " WHERE key = $1",
        key,
        what.by,
        what.outcome,
        what.minutes,
        what.told_at,
    )
    told = what.told_at.isoformat() if what.told_at else ""
    minutes = str(what.minutes or "")
    body = {"by": what.by, "outcome": what.outcome, "minutes": minutes, "told": told}
    await _on_record(connection, task, "done", body)
    if task.incident is not None:
        if what.minutes:
            who = await parties(connection, task.incident)
            await bills.charge_only(connection, who, ChargeKind.STAFF_TIME)
        await connection.execute("SELECT mark_dirty($1)", task.incident)
    return await one(connection, key)


async def to_remind_of(connection: Connection, limit: int = 500) -> tuple[Task, ...]:
    """Open tasks that are due and that nobody was reminded of today, the longest due first."""
    rows = await connection.fetch(
        _TASKS + "WHERE done_at IS NULL AND due <= now()"
        " AND (reminded_at IS NULL OR reminded_at <= now() - interval '1 day')"
        " ORDER BY due, key LIMIT $4",
        _KINDS,
        _SPANS,
        ANY_OTHER,
        limit,
    )
    return tuple(Task(**row) for row in rows)


async def reminded(connection: Connection, keys: Sequence[str]) -> None:
    """The desk has been written to about these."""
    await connection.execute("UPDATE tasks SET reminded_at = now() WHERE key = ANY($1)", list(keys))


async def _open(connection: Connection, key: str) -> Task:
    await connection.execute("SELECT FROM tasks WHERE key = $1 FOR UPDATE", key)
    task = await one(connection, key)
    if task.done_at is not None:
        raise TaskDone(key, task.done_by, task.outcome)
    return task


async def _on_record(connection: Connection, task: Task, what: str, body: dict[str, str]) -> None:
    """On the incident's chain, where there is one: who did what, each time."""
    if task.incident is None:
        return
    said = {name: word for name, word in body.items() if word}
    await connection.execute(
        "SELECT audit_append($1, ARRAY['task:' || $2 || ':' || $3 || ':' ||"
        " to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')], ARRAY[$4])",
        task.incident,
        task.key,
        what,
        canonical({"kind": f"task {what}", "task": task.kind, **said}),
    )
