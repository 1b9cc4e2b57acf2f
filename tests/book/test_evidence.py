"""Evidence: byte for byte, once, and in less room than it takes."""

from datetime import UTC, datetime
from email.message import EmailMessage

import asyncpg
import pytest
from asyncpg import Pool

from book.database import transaction
from book.intake import evidence
from workers.demo.arf import arf_report


def a_letter() -> bytes:
    """What a feedback loop sends about a short newsletter, of four kilobytes."""
    offending = EmailMessage()
    offending["From"] = "Shop <info@shop.example>"
    offending["Subject"] = "Only today!"
    offending["Message-ID"] = "<1@shop.example>"
    offending.set_content(
        "\n".join(f"Offer {n}: shoes of the {n}th collection at half the price" for n in range(45))
    )
    return arf_report(
        offending,
        mail_from="info@shop.example",
        recipient="reader@mailbox.example",
        arrived=datetime.now(UTC),
        source_ip="192.0.2.7",
    )


async def test_a_typical_report_takes_less_room_than_its_bytes(database: Pool) -> None:
    content = a_letter()
    async with transaction(database) as connection:
        await evidence.keep(connection, [(evidence.digest(content), content, "message/rfc822")])
    kept = await database.fetchrow(
        "SELECT body, octet_length(body) AS bytes, pg_column_size(body) AS room FROM evidence"
    )
    assert kept is not None
    assert kept["body"] == content
    assert kept["room"] < 0.7 * kept["bytes"]


async def test_the_same_content_is_kept_once(database: Pool) -> None:
    one = (evidence.digest(b"a"), b"a", "text/plain")
    for _ in range(2):
        async with transaction(database) as connection:
            await evidence.keep(connection, [one, one])
    assert await database.fetchval("SELECT count(*) FROM evidence") == 1


async def test_what_is_not_of_its_digest_is_refused(database: Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        async with transaction(database) as connection:
            await evidence.keep(connection, [(evidence.digest(b"a"), b"b", "text/plain")])
