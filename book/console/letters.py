"""A letter as it was sent, how it went, and what came back."""

from asyncpg import Connection

from domain.console.looks import AnswerRow, DeliveryRow, SentLetter
from domain.letters.correspondence import Kind


async def letter(connection: Connection, key: str) -> SentLetter:
    """Raises LookupError when there is no such letter."""
    row = await connection.fetchrow(
        "SELECT key, incident, notice, subject, body AS text, written_at FROM notices"
        " WHERE key = $1",
        key,
    )
    if row is None:
        raise LookupError(f"there is no letter {key}")
    deliveries = await connection.fetch(
        "SELECT message_id, contact, begun_at, taken_at, response, failed_at, why"
        " FROM deliveries WHERE notice = $1 ORDER BY begun_at",
        key,
    )
    answers = await connection.fetch(
        "SELECT kind, sender, subject, said, received_at FROM correspondence"
        " WHERE notice = $1 ORDER BY received_at",
        key,
    )
    return SentLetter(
        **row,
        deliveries=tuple(DeliveryRow(**each) for each in deliveries),
        answers=tuple(AnswerRow(**{**each, "kind": Kind(each["kind"])}) for each in answers),
    )
