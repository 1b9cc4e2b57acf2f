"""Reading what the inbox has: parsed, attributed, put on record, and only then out of the inbox.

Any number of readers may run, in any number of processes. Killed anywhere, a report is still in the
inbox or it is on record: both are one transaction.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import asyncpg
from asyncpg import Connection, Pool

from book.beside import beside
from book.database import LOST, transaction
from book.intake import evidence, inbox
from book.intake.attribution import Followed
from book.intake.inbox import Delivered
from book.intake.reports import Received, ReportedOtherwise, keep
from book.listen import listen
from domain.intake.complaints import Complaint
from gateway.formats.forwarded import the_spam_itself
from gateway.formats.headers import LARGEST_BLOCK
from gateway.formats.port import NotUnderstood, is_mail, understand

log = logging.getLogger("plazo.reader")

AT_ONCE = 2
"""Batches of one process: one is parsed while the other waits for PostgreSQL."""

_MOST = 64
"""Reports of a batch."""

_FIELD = re.compile(rb"([!-9;-~]+):[^\n]*\n(?:[ \t][^\n]*\n)*")
_MOST_NAMES = 20

_LOOK = 1.0
"""Seconds until the inbox is looked into, whether anything was heard or not."""

_PAUSE = 5.0
"""Seconds after a failure; the reports stay where they are."""


def refuse_nonsense(delivered: Delivered) -> None:
    """Raise NotUnderstood, with what was expected, if its sender is to be told that it is nothing.

    Mail never is: it is kept, whatever it turns out to be. So mail is not read here, which is most
    of the work.
    """
    if delivered.is_the_spam:
        the_spam_itself(delivered.content, delivered.received_at)
    elif not (_has_a_header(delivered.content) or is_mail(delivered.content)):
        try:
            understand(delivered.content, delivered.media_type, delivered.received_at)
        except NotUnderstood as error:
            if not error.for_a_person:
                raise


def _has_a_header(content: bytes) -> bool:
    """Whether `is_mail` would hold, in a tenth of its time: mostly it does, and it asks for names.

    Where this does not see what is mail, `is_mail` does.
    """
    names: set[bytes] = set()
    at = 0
    while len(names) < _MOST_NAMES and (field := _FIELD.match(content, at, LARGEST_BLOCK)):
        names.add(field[1].lower())
        at = field.end()
    return b"received" in names or (
        b"from" in names and not names.isdisjoint((b"to", b"subject", b"date", b"message-id"))
    )


def read(delivered: Delivered) -> Received:
    """What a report says; or, if no format understands it, why a person has to read it."""
    unread: str | None = None
    complaints: tuple[Complaint, ...] = ()
    try:
        complaints = _complaints(delivered)
    except NotUnderstood as error:
        unread = str(error)
    except Exception as error:
        # A fault of ours. It was acknowledged, so its sender does not send it again.
        log.exception("reading failed", extra={"bytes": len(delivered.content)})
        unread = f"reading it failed: {type(error).__name__}"
    return Received(
        id=delivered.id,
        reporter=delivered.reporter,
        content=delivered.content,
        media_type=delivered.media_type,
        complaints=complaints,
        unread=unread,
        received_at=delivered.received_at,
    )


def _complaints(delivered: Delivered) -> tuple[Complaint, ...]:
    content, received_at = delivered.content, delivered.received_at
    if delivered.is_the_spam:
        found = the_spam_itself(content, received_at)
    else:
        found = understand(content, delivered.media_type, received_at)
    if delivered.address is None:
        return found
    return tuple(
        each if each.address is not None else replace(each, address=delivered.address)
        for each in found
    )


class Reader:
    """Empties the inbox of `pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._attribution = Followed(pool)
        self._told = asyncio.Event()

    async def run(self) -> None:
        """Read what comes until cancelled. What is being read then stays in the inbox."""
        heard = listen(self._pool, inbox.CHANNEL, lambda _: self._told.set())
        async with self._attribution.running(), beside(heard), asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._go_on())

    async def _go_on(self) -> None:
        while True:
            self._told.clear()
            try:
                if await self.look():
                    continue
            except Exception as error:
                away = isinstance(error, LOST)
                log.warning("reports wait", exc_info=not away, extra={"why": str(error)})
                await asyncio.sleep(_PAUSE)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._told.wait()

    async def look(self) -> int:
        """Read some of what is in the inbox; how many reports that were. Raises LOST."""
        taken: list[Delivered] = []
        try:
            async with transaction(self._pool) as connection:
                taken = await inbox.take(connection, _MOST)
                if taken:
                    reports = await asyncio.to_thread(lambda: [read(each) for each in taken])
                    await self._keep(connection, reports)
        except LOST:
            raise
        except Exception:
            if not taken:
                raise
            # One of them cannot be kept, or two transactions were in each other's way.
            for each in taken:
                await self._look_at(each.name)
        if taken:
            log.info("reports read", extra={"count": len(taken)})
        return len(taken)

    async def _look_at(self, name: str) -> None:
        """Read one alone: it fails alone, and is kept for a person, or for later."""
        try:
            try:
                await self._look_at_one(name)
            except asyncpg.DataError as error:
                log.warning("a report is kept unread", extra={"report": name, "why": str(error)})
                await self._look_at_one(name, f"what it says cannot be put on record: {error}")
        except LOST:
            raise
        except Exception:
            log.exception("a report has to wait", extra={"report": name})
            await inbox.put_off(self._pool, name)

    async def _look_at_one(self, name: str, unread: str | None = None) -> None:
        async with transaction(self._pool) as connection:
            taken = await inbox.take_one(connection, name)
            if taken is None:
                return
            report = await asyncio.to_thread(read, taken)
            if unread is not None:
                report = replace(report, complaints=(), unread=unread)
            await self._keep(connection, [report])

    async def _keep(self, connection: Connection, reports: Sequence[Received]) -> None:
        answers = await keep(connection, reports, self._attribution)
        others = [
            _under_another_name(report, answer)
            for report, answer in zip(reports, answers, strict=True)
            if isinstance(answer, ReportedOtherwise)
        ]
        if others:
            await keep(connection, others, self._attribution)


def _under_another_name(report: Received, why: ReportedOtherwise) -> Received:
    """The same for a person: another of its name came in the moment that it was acknowledged in."""
    digest = evidence.digest(report.content).hex()[:16]
    return replace(report, id=f"{report.id}~{digest}", complaints=(), unread=str(why))
