"""`python -m tests.book.posting DSN COUNT`: a gateway's inbox, as a process of its own.

Puts reports r-0 to r-(COUNT - 1) into the inbox, as many at once as a busy gateway has; says the
name of each that is acknowledged, on a line, and "done" at the end.
"""

import asyncio
import sys
from datetime import UTC, datetime

from book.database import open_pool
from book.intake.inbox import Delivered, Inbox

_AT_ONCE = 20


async def post(dsn: str, count: int) -> None:
    pool = await open_pool(dsn)
    inbox = Inbox(pool)
    left = iter(range(count))

    async def hand() -> None:
        for number in left:
            delivered = Delivered(
                id=f"r-{number}", reporter="fbl", received_at=datetime.now(UTC),
                content=f"report {number}".encode(), media_type="text/plain",
            )  # fmt: skip
            await inbox.put(delivered)
            print(delivered.name, flush=True)

    async with inbox.running(), asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(hand())
    await pool.close()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(post(sys.argv[1], int(sys.argv[2])))
