"""`python -m tests.gateway.reading DSN`: a reader as a process, which says each time that it read.

It goes on at once, so that whoever kills it then kills it in the middle of the next batch.
"""

import asyncio
import sys

from book.database import open_pool
from gateway.reading import Reader


async def read(dsn: str) -> None:
    pool = await open_pool(dsn)
    reader = Reader(pool)
    while True:
        await reader.look()
        print("a batch", flush=True)


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1]))
