"""Reports as the gateway would have kept them."""

from datetime import UTC, datetime

from asyncpg import Pool

from book.intake.intake import Accepted, Received, accept
from domain.intake.complaints import Complaint
from workers.demo.clientele import ADDRESS, MAILBOX


async def a_report(pool: Pool, name: str = "1") -> Accepted:
    """Spam of the demo's mailbox, sent now."""
    complaint = Complaint(
        address=ADDRESS,
        sent_at=datetime.now(UTC),
        domain=MAILBOX.rpartition("@")[2],
        sender=MAILBOX,
        format="test",
    )
    received = Received(
        id=name, reporter="test", content=name.encode(), media_type="text/plain",
        complaints=(complaint,),
    )  # fmt: skip
    return await accept(pool, received)
