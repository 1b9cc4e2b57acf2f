"""A letter in the book, as the step that sends one leaves it."""

from datetime import UTC, datetime

from asyncpg import Pool

from book.database import transaction
from book.letters import deliveries, notices
from book.letters.deliveries import Delivery
from book.letters.notices import Written
from domain.letters.notices import Notice
from tests.book.provider import INCIDENT

LEFT = "0123456789abcdef0123456789abcdef"
MESSAGE_ID = f"<{LEFT}@provider.example>"


async def a_letter(
    pool: Pool,
    key: str = f"{INCIDENT}/notice/1",
    *,
    message_id: str = MESSAGE_ID,
    contact: str = "abuse@aurora.example",
    notice: Notice = Notice.DEADLINE,
    link: str | None = "https://plazo.example/c/token",
) -> None:
    """Written, and taken by the provider's mail server for one contact."""
    letter = Written(
        key=key, message_id=message_id, subject="Spam enviado desde vps-1", summary="Actúe.",
        text="text", html="<p>html</p>", written_at=datetime.now(UTC), link=link,
    )  # fmt: skip
    async with transaction(pool) as connection:
        assert await notices.keep(connection, INCIDENT, notice, letter)
        delivery = Delivery(message_id=message_id, contact=contact, taken=False)
        await deliveries.begin(connection, key, delivery)
        await deliveries.taken(connection, message_id, "2.0.0 taken")
