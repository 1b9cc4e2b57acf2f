"""What was reported, byte for byte: kept once, however often and by whomever it is sent.

PostgreSQL compresses it (infra/migrations/0003.intake.sql), and holds its SHA-256 against it.
"""

import hashlib
from collections.abc import Iterable

from asyncpg import Connection


def digest(content: bytes) -> bytes:
    """The SHA-256 that the content is found by."""
    return hashlib.sha256(content).digest()


async def keep(connection: Connection, contents: Iterable[tuple[bytes, bytes, str]]) -> None:
    """Keep contents, each with its digest before it and its media type after it."""
    # In one order, or two transactions that keep the same two would wait for each other.
    ordered = sorted({each[0]: each for each in contents}.values())
    await connection.execute(
        "INSERT INTO evidence (sha256, body, media_type)"
        " SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[]) ON CONFLICT DO NOTHING",
        [sha256 for sha256, _, _ in ordered],
        [content for _, content, _ in ordered],
        [media_type for _, _, media_type in ordered],
    )
