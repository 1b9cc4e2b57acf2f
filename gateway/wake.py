"""Wakes the agents' long polls: one listening connection for all of them.

PostgreSQL tells of a changed desired state by NOTIFY. A notification can be lost while the
connection is being made again, or its network is silently gone; so whoever waits is also woken at
a slow pace, and looks.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from asyncpg import Pool

from book.beside import beside
from book.listen import listen

CHANNEL = "plazo_hosts"
"""What the trigger `desired_state_changed` notifies, with the host's id."""

PACE = 15.0
"""Seconds after which a long poll looks for itself."""


class Wake:
    """Who waits for which host. `running` keeps it listening; waiting works without it, slowly."""

    def __init__(self, pool: Pool, *, pace: float = PACE) -> None:
        self._pool = pool
        self._pace = pace
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.waiting = 0
        """Long polls that have looked, and wait now."""
        self.stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen until the block ends; whoever still waits then is let go."""
        async with beside(listen(self._pool, CHANNEL, self._told)):
            try:
                yield
            finally:
                self.let_go()

    def let_go(self) -> None:
        """Have all long polls answered now: the process is going to stop."""
        self.stopping = True
        self._told("")

    @asynccontextmanager
    async def waiting_for(self, host: str) -> AsyncIterator["Turn"]:
        """From here on no change of that host is missed."""
        changed = asyncio.Event()
        self._events[host].add(changed)
        try:
            yield Turn(self, changed, self._pace)
        finally:
            self._events[host].discard(changed)
            if not self._events[host]:
                del self._events[host]

    def _told(self, host: str) -> None:
        """An empty name is everybody's: listening has begun, and what was before was missed."""
        for known in [host] if host else list(self._events):
            for changed in self._events.get(known, ()):
                changed.set()


class Turn:
    """One long poll's wait."""

    def __init__(self, wake: Wake, changed: asyncio.Event, pace: float) -> None:
        self._wake = wake
        self._changed = changed
        self._pace = pace

    async def next(self, until: float) -> bool:
        """Wait until it is worth looking again; False once the loop's time `until` has come."""
        left = until - asyncio.get_running_loop().time()
        if left <= 0 or self._wake.stopping:
            return False
        self._wake.waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._pace)):
                    await self._changed.wait()
        finally:
            self._wake.waiting -= 1
        self._changed.clear()
        return not self._wake.stopping
