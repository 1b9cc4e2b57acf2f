"""`python -m tests.book.reporting DSN NAME COUNT`: a gateway's intake, as a process of its own.

Takes reports NAME-0 to NAME-(COUNT - 1), in turn about the services of `SERVICES`, as many at once
as a busy gateway has; says the id of each that is kept, on a line, and "done" at the end.
"""

import asyncio
import itertools
import sys

from book.database import open_pool
from book.intake.intake import Intake
from tests.book.provider import a_report
from tests.domain.builders import a_service

ADDRESSES = tuple(f"192.0.2.{number}" for number in range(1, 6))
SERVICES = tuple(
    a_service(id=f"vps-{number}", addresses=(f"{address}/32",))
    for number, address in enumerate(ADDRESSES, 1)
)
_AT_ONCE = 20


async def report(dsn: str, name: str, count: int) -> None:
    pool = await open_pool(dsn)
    intake = Intake(pool)
    left = iter(range(count))
    addresses = itertools.cycle(ADDRESSES)

    async def hand() -> None:
        for number in left:
            received = a_report(f"{name}-{number}", next(addresses))
            await intake.accept(received)
            print(received.id, flush=True)

    async with intake.running(), asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(hand())
    await pool.close()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(report(sys.argv[1], sys.argv[2], int(sys.argv[3])))
