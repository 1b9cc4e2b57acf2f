"""Letters on their way: to one contact after the other, until one has it."""

from dataclasses import dataclass

from asyncpg import Connection

from book.incident import tasks
from domain.steps import TaskKind


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A letter for one contact. `taken` once the provider's own mail server has it."""

    message_id: str
    contact: str
    taken: bool


async def current(connection: Connection, notice: str) -> Delivery | None:
    """The delivery of this letter that has not failed, if there is one."""
    row = await connection.fetchrow(
        "SELECT message_id, contact, taken_at IS NOT NULL AS taken FROM deliveries"
        " WHERE notice = $1 AND failed_at IS NULL",
        notice,
    )
    return None if row is None else Delivery(**row)


async def next_contact(connection: Connection, notice: str) -> tuple[str, bool] | None:
    """The client's first contact that is not known to fail, and whether it is this letter's first.

    An address that has failed in this incident is not written to again. Holds the letter until the
    transaction ends, so that two attempts at once choose the same.
    """
    await connection.execute("SELECT FROM notices WHERE key = $1 FOR UPDATE", notice)
    row = await connection.fetchrow(
        "SELECT contact, NOT EXISTS (SELECT FROM deliveries WHERE notice = $1) AS first"
        " FROM notices n JOIN incidents i ON i.id = n.incident JOIN clients c ON c.id = i.client,"
        " unnest(c.contacts) WITH ORDINALITY AS given (contact, place)"
        " WHERE n.key = $1 AND NOT EXISTS (SELECT FROM deliveries d JOIN notices o"
        "   ON o.key = d.notice WHERE o.incident = n.incident AND d.contact = given.contact"
        "   AND d.failed_at IS NOT NULL) ORDER BY place LIMIT 1",
        notice,
    )
    return None if row is None else (row["contact"], row["first"])


async def begin(connection: Connection, notice: str, delivery: Delivery) -> None:
    """Write down that a letter is for this contact, before it is handed over."""
    await connection.execute(
        "WITH begun AS (INSERT INTO deliveries (message_id, notice, contact) VALUES ($1, $2, $3))"
        " UPDATE notices SET recipients = ARRAY[$3], message_id = $1 WHERE key = $2",
        delivery.message_id,
        notice,
        delivery.contact,
    )


async def taken(connection: Connection, message_id: str, response: str) -> None:
    """The provider's mail server has it, with these words."""
    await connection.execute(
        "WITH taken AS (UPDATE deliveries SET taken_at = coalesce(taken_at, now()), response = $2"
        "   WHERE message_id = $1 RETURNING notice)"
        " UPDATE notices SET sent_at = coalesce(sent_at, now()), response = $2"
        " FROM taken WHERE key = taken.notice",
        message_id,
        response,
    )


async def fail(connection: Connection, message_id: str, why: str) -> bool:
    """It did not arrive, and will not; the desk is told. False if that is on record already."""
    row = await connection.fetchrow(
        "UPDATE deliveries d SET failed_at = now(), why = $2 FROM notices n"
        " WHERE d.message_id = $1 AND d.failed_at IS NULL AND n.key = d.notice"
        " RETURNING d.contact, n.incident",
        message_id,
        why,
    )
    if row is None:
        return False
    await tasks.open_task(
        connection,
        row["incident"],
        f"bounce/{message_id.strip('<>')}",
        TaskKind.NOTICE_BOUNCED,
        f"{row['contact']} cannot be reached by mail ({why}): ask the client for an address that "
        "works, and correct it in the clientele",
        about=row["contact"],
    )
    return True


async def failures(connection: Connection, incident: str) -> tuple[str, ...]:
    """Which contacts could not be reached in an incident, and why: one sentence each."""
    rows = await connection.fetch(
        "SELECT d.contact, d.why FROM deliveries d JOIN notices n ON n.key = d.notice"
        " WHERE n.incident = $1 AND d.failed_at IS NOT NULL ORDER BY d.failed_at",
        incident,
    )
    return tuple(f"{row['contact']}: {row['why']}" for row in rows)
