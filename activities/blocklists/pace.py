"""How fast one list may be asked: so many questions a second, so many at once."""

import asyncio
from collections import deque

_BURST = 5.0
"""Seconds' worth of questions that may be asked at once after a rest: about a whole incident's."""


class Pace:
    """Turns for questions to one list. An incident's come before the watch's."""

    def __init__(self, per_second: float, at_once: int) -> None:
        self._rate = per_second
        self._most = max(per_second * _BURST, 1.0)
        self._allowed = self._most
        self._filled_at: float | None = None
        self._free = at_once
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    async def turn(self, *, urgent: bool) -> None:
        """Wait until a question may be asked; `done` must follow."""
        if not self._urgent and (urgent or not self._others) and self._take():
            return
        queue = self._urgent if urgent else self._others
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(future)
        self._serve()
        try:
            # Shielded: what is in the queue is never done, so whoever serves need not look.
            await asyncio.shield(future)
        except asyncio.CancelledError:
            if future.done():  # its turn came in the same moment
                self.done()
            else:
                queue.remove(future)
            raise

    def done(self) -> None:
        """The question is answered, or given up."""
        self._free += 1
        if self._urgent or self._others:
            self._serve()

    def _take(self) -> bool:
        if not self._free:
            return False
        now = asyncio.get_running_loop().time()
        if self._filled_at is not None:
            gained = (now - self._filled_at) * self._rate
            self._allowed = min(self._allowed + gained, self._most)
        self._filled_at = now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        self._free -= 1
        return True

    def _serve(self) -> None:
        while queue := self._urgent or self._others:
            if not self._take():
                break
            queue.popleft().set_result(None)
        if (self._urgent or self._others) and self._free and self._alarm is None:
            pause = (1 - self._allowed) / self._rate
            self._alarm = asyncio.get_running_loop().call_later(pause, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._serve()
