"""Mail in quantity through a private Postfix, with the generator and the sink that it brings."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from workers.demo.postfix_host import PostfixHost

_PATIENCE = 300.0
_SESSIONS = 10


@asynccontextmanager
async def a_sink() -> AsyncIterator[str]:
    """A server that takes everything and keeps nothing; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec("smtp-sink", "-u", "nobody", address, "1000")
    try:
        async with asyncio.timeout(_PATIENCE):
            while not await _listens(*address.split(":")):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        yield address
    finally:
        process.terminate()
        await process.wait()


async def _listens(host: str, port: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def pour(postfix: PostfixHost, count: int, sender: str) -> None:
    """Hand so many messages over by SMTP."""
    process = await asyncio.create_subprocess_exec(
        "smtp-source", "-s", str(_SESSIONS), "-m", str(count), "-l", "2000", "-f", sender,
        "-t", "friend@far.example", postfix.address,
    )  # fmt: skip
    if await process.wait():
        raise RuntimeError("smtp-source failed; its words are above")


def waiting(postfix: PostfixHost, *queues: str) -> int:
    """Messages in these of Postfix's queues, by its files: asking it would be work for it."""
    return sum(_files(postfix.home / "queue" / queue) for queue in queues)


def _files(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(_files(Path(each)) if each.is_dir() else 1 for each in entries)


async def until(postfix: PostfixHost, count: int, *queues: str, pause: float = 0.05) -> float:
    """When so many messages are in these queues, on the clock of `time.perf_counter`."""
    async with asyncio.timeout(_PATIENCE):
        while waiting(postfix, *queues) != count:  # noqa: ASYNC110 - Postfix tells nobody
            await asyncio.sleep(pause)
    return time.perf_counter()


async def empty(postfix: PostfixHost) -> float:
    """When everything has left."""
    return await until(postfix, 0, "maildrop", "incoming", "active", "deferred", "hold")


async def lies_still(postfix: PostfixHost, count: int) -> None:
    """Wait until so many messages have been tried, and wait for another attempt."""
    await until(postfix, count, "deferred")
    await until(postfix, 0, "incoming", "active")
