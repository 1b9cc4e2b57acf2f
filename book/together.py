"""Those who wait at the same moment share a transaction, and what its durable commit costs."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from book.database import LOST

WRITERS = 2
"""Transactions under way at once: one is prepared while the other waits for the disk."""

MOST_REPORTS = 256
"""In one transaction. Each takes a lock or two, of which PostgreSQL has some thousands for all."""

MOST_BYTES = 8 * 1024 * 1024
"""In one transaction, unless one report alone has more."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Write = Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]
"""Writes all of them in one transaction, or raises; what became of each, in their order."""


class Together(Generic[Item, Answer]):
    """Hands what comes to `write`, as many at once as wait. `size` is of one, in bytes."""

    def __init__(self, write: Write[Item, Answer], size: Callable[[Item], int]) -> None:
        self._write_all = write
        self._size = size
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._writers: set[asyncio.Task[None]] = set()

    async def add(self, item: Item) -> Answer:
        """What became of it, committed when this returns, whoever shares the commit.

        Raises what PostgreSQL says when it is away. One that cannot be written fails alone. Given
        up while it is being written, it may have been.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._writers) < WRITERS:
            self._writers.add(asyncio.create_task(self._write()))
        return await future

    async def _write(self) -> None:
        """Write until nobody waits."""
        try:
            while batch := self._next():
                try:
                    await self._write_together(batch)
                except Exception as error:
                    for _, future in batch:
                        _settle(future, error)
        finally:
            # Here and not in a callback: whoever comes next must see that nobody writes for them.
            writer = asyncio.current_task()
            assert writer is not None
            self._writers.discard(writer)

    def _next(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        """The next to be written together; those who were given up meanwhile are passed over."""
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        size = 0
        while self._waiting and len(batch) < MOST_REPORTS:
            item, future = self._waiting[0]
            size += self._size(item)
            if batch and size > MOST_BYTES:
                break
            self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
        return batch

    async def _write_together(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._write_all([item for item, _ in batch])
        except LOST:
            raise
        except Exception:
            if len(batch) == 1:
                raise
            # One of them cannot be kept, or two transactions were in each other's way.
            for item, future in batch:
                await self._write_alone(item, future)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                _settle(future, answer)

    async def _write_alone(self, item: Item, future: asyncio.Future[Answer]) -> None:
        try:
            [answer] = await self._write_all([item])
        except Exception as error:
            _settle(future, error)
        else:
            _settle(future, answer)


def _settle(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
