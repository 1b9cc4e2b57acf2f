"""Mail about our letters, put on record: as evidence of its incident, and on its chain."""

from asyncpg import Connection, Pool, Record

from book.database import transaction
from book.incident import tasks
from book.intake import evidence
from book.letters import deliveries
from domain.letters.correspondence import LONGEST, Answer, Kind
from domain.letters.links import without_links
from domain.record import canonical
from domain.steps import TaskKind

_QUOTED = 1_500
"""Characters of a reply that its task shows."""


async def keep(pool: Pool, answer: Answer, content: bytes, media_type: str) -> str | None:
    """Put it on record with its incident, committed when this returns; None if no letter of ours.

    The same mail again changes nothing. A bounce fails its letter's delivery and wakes the
    incident, which writes to the client's next contact; a reply is a task for a person, whatever
    its words.
    """
    async with transaction(pool) as connection:
        letter = await _letter(connection, answer)
        incident = letter["incident"] if letter is not None else await _named(connection, answer)
        if incident is None:
            return None
        sha256 = evidence.digest(content)
        await evidence.keep(connection, [(sha256, content, media_type)])
        new = await connection.fetchval(
            "INSERT INTO correspondence (id, incident, notice, kind, sender, subject, said,"
            " evidence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
            " RETURNING id",
            answer.id,
            incident,
            letter["notice"] if letter is not None else None,
            answer.kind,
            _text(answer.sender),
            _text(answer.subject),
            _text(answer.said),
            sha256,
        )
        if new is not None:
            await _follow(connection, incident, letter, answer, sha256)
        found: str = incident
        return found


async def _letter(connection: Connection, answer: Answer) -> Record | None:
    """The letter that it is about, if it is one of ours."""
    return await connection.fetchrow(
        "SELECT d.message_id, d.notice, d.contact, n.incident FROM"
        " unnest($1::text[]) WITH ORDINALITY AS given (envelope, place)"
        " JOIN deliveries d ON d.envelope = given.envelope"
        " JOIN notices n ON n.key = d.notice ORDER BY place LIMIT 1",
        list(answer.about),
    )


async def _named(connection: Connection, answer: Answer) -> str | None:
    """The incident that the subject names, if one of its client's own contacts, or somebody of
    their domain, wrote it."""
    if answer.incident is None or answer.kind is not Kind.REPLY:
        return None
    found: str | None = await connection.fetchval(
        "SELECT i.id FROM incidents i JOIN clients c ON c.id = i.client WHERE i.id = $1"
        " AND EXISTS (SELECT FROM unnest(c.contacts) AS contact"
        "   WHERE lower(split_part(contact, '@', 2)) = lower(split_part($2, '@', 2)))",
        _text(answer.incident),
        _text(answer.sender),
    )
    return found


async def _follow(
    connection: Connection, incident: str, letter: Record | None, answer: Answer, sha256: bytes
) -> None:
    about = letter["notice"] if letter is not None else ""
    body = {
        "kind": f"mail: {answer.kind}",
        "notice": about,
        "from": _text(answer.sender),
        "said": without_links(_text(answer.said))[:_QUOTED],
        "evidence": sha256.hex(),
    }
    await connection.execute(
        "SELECT audit_append($1, ARRAY[$2], ARRAY[$3])",
        incident,
        f"mail:{answer.id}",
        canonical({name: word for name, word in body.items() if word}),
    )
    if answer.kind is Kind.BOUNCE and letter is not None:
        if await deliveries.fail(connection, letter["message_id"], _text(answer.said)[:LONGEST]):
            await connection.execute("SELECT mark_dirty($1)", incident)
    elif answer.kind in (Kind.REPLY, Kind.UNCLEAR):
        said = without_links(_text(answer.said))[:_QUOTED]
        await tasks.open_task(
            connection,
            incident,
            f"mail/{answer.id}",
            TaskKind.CLIENT_WROTE,
            f"{_text(answer.sender) or 'somebody'} wrote: {said}",
        )


def _text(words: str) -> str:
    """What a stranger wrote, as PostgreSQL can keep it."""
    return words.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
