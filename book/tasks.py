"""What only a person can do: opened once, done once."""

from asyncpg import Connection

from domain.steps import TaskKind


async def open_task(
    connection: Connection, incident: str, key: str, kind: TaskKind, detail: str
) -> None:
    """The same key again opens no second one."""
    await connection.execute(
        "INSERT INTO tasks (key, incident, kind, detail) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        key,
        incident,
        kind,
        detail,
    )


async def complete(connection: Connection, incident: str, kind: TaskKind, outcome: str) -> None:
    """Mark an incident's open tasks of one kind as done."""
    await connection.execute(
        "UPDATE tasks SET done_at = now(), outcome = $3"
        " WHERE incident = $1 AND kind = $2 AND done_at IS NULL",
        incident,
        kind,
        outcome,
    )
