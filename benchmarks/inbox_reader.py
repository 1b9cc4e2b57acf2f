"""`python -m benchmarks.inbox_reader DSN`: a reader of the inbox alone, as a process.

In production it is a part of `plazo worker`, which has other things to do as well.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psutil

from benchmarks.place import end, program
from book.beside import beside
from book.database import open_pool
from gateway.reading import Reader
from workers.leave import leave, run


@asynccontextmanager
async def reading(log: Path, dsn: str) -> AsyncIterator[psutil.Process]:
    """The process while the block lasts, once it reads."""
    before = _times(log)
    process = await program(log, "-m", "benchmarks.inbox_reader", dsn, env={})
    try:
        async with asyncio.timeout(60):
            while _times(log) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        yield psutil.Process(process.pid)
    finally:
        await end(process)


def _times(log: Path) -> int:
    """How often a reader has said there that it reads."""
    return log.read_bytes().count(b"reading\n") if log.exists() else 0


async def _read(dsn: str, stopping: asyncio.Event) -> None:
    pool = await open_pool(dsn)
    async with beside(Reader(pool).run()):
        print("reading", flush=True)
        await stopping.wait()
    await pool.close()


if __name__ == "__main__":
    run(partial(_read, sys.argv[1]))
    leave(0)
