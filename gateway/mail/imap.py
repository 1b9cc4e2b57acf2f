"""Mail picked up from a mailbox on an IMAP server, each message once.

A message leaves the mailbox for the folder of what was taken only after it is on record. If
anything ends in between it is found again, and the same bytes are the same report.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from gateway.formats.headers import split
from gateway.formats.port import LARGEST
from gateway.mail.account import Account
from gateway.mail.arrival import Keep, NotKept
from gateway.mail.box import LOST, Box, Waiting

log = logging.getLogger("plazo.mail")

BATCH = 50
"""Messages that are looked at, put on record and moved together."""

LOOK = 30.0
"""Seconds after which the mailbox is looked into even if the server has told of nothing: what it
told between a look and the wait after it may be missed, and what could not be kept is tried again.
"""

_LONGEST_PAUSE = 60.0
"""Seconds between two tries to reach the server; the first is after one."""


class PickUp:
    """Takes what comes into `account`, and moves it into the folder `taken` there.

    `gone_through` is called each time that it was looked into to its end.
    """

    def __init__(
        self, account: Account, password: str, keep: Keep, *, taken: str, look: float = LOOK,
        gone_through: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._account = account
        self._password = password
        self._keep = keep
        self._taken = taken
        self._look = look
        self._gone_through = gone_through or (lambda: None)
        self._failures = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set, through every loss of the server."""
        while not stopping.is_set():
            try:
                await self._connected(stopping)
            except LOST as error:
                await self._pause(str(error) or type(error).__name__, stopping)
            except Exception as error:
                # An answer that makes no sense is the server's, and other ways in go on meanwhile.
                log.exception("mailbox cannot be used")
                await self._pause(type(error).__name__, stopping)

    async def _pause(self, why: str, stopping: asyncio.Event) -> None:
        pause = min(_LONGEST_PAUSE, 2.0 ** min(self._failures, 10))
        self._failures += 1
        log.warning(
            "mailbox cannot be used: %s (%s); trying again in %.0f s", self._account, why, pause
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stopping.wait()

    async def _connected(self, stopping: asyncio.Event) -> None:
        box = await asyncio.to_thread(Box.open, self._account, self._password, self._taken)
        try:
            while not stopping.is_set():
                try:
                    await self._empty(box, stopping)
                    self._gone_through()
                except NotKept as error:
                    log.warning("mail has to wait", extra={"why": str(error)})
                self._failures = 0
                await asyncio.to_thread(box.wait, self._look, stopping.is_set)
        finally:
            await asyncio.to_thread(box.close)

    async def _empty(self, box: Box, stopping: asyncio.Event) -> None:
        """Take all there is; what cannot be put on record stays. Raises NotKept if nothing can."""
        first = 1
        while not stopping.is_set():
            count = await asyncio.to_thread(box.count)
            if first > count:
                return
            found = await asyncio.to_thread(box.look, first, min(count, first + BATCH - 1))
            first += BATCH
            for few in _bounded(found):
                first -= await self._take(box, few)

    async def _take(self, box: Box, messages: Sequence[Waiting]) -> int:
        """Put some on record and move them out of the mailbox; how many those were."""
        contents = {}
        for each in messages:
            if each.size > LARGEST:
                log.warning("only the first part is taken", extra={"bytes": each.size})
            content = await asyncio.to_thread(box.read, each.uid, LARGEST)
            if content is not None:
                contents[each.uid] = content
        keeping = [self._kept(content) for content in contents.values()]
        outcomes = await asyncio.gather(*keeping, return_exceptions=True)
        kept = [uid for uid, outcome in zip(contents, outcomes, strict=True) if outcome is True]
        if kept:
            await asyncio.to_thread(box.move, kept)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(kept)

    async def _kept(self, content: bytes) -> bool:
        """Whether a message is on record now. Raises NotKept if none can be."""
        try:
            await self._keep(content, split(content)[0].first("return-path"))
        except NotKept:
            raise
        except Exception:
            # One that fails in a way that nobody has foreseen stands in the way of no other.
            log.exception("mail stays in the mailbox")
            return False
        return True


def _bounded(messages: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """In order, so many at a time as fit into memory together: at least one."""
    few: list[Waiting] = []
    size = 0
    for each in messages:
        needs = min(each.size, LARGEST)
        if few and size + needs > 2 * LARGEST:
            yield few
            few, size = [], 0
        few.append(each)
        size += needs
    if few:
        yield few
