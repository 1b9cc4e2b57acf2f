"""The inbox: reports that were acknowledged, committed as they came, and are still to be read.

What is read is put on record (`book.reports`) and leaves the inbox in one transaction. So a report
is in one of the two from its acknowledgement on, and never in both.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Connection, Pool, Record

from book.database import LOST
from book.intake import evidence
from book.intake.reports import ReportedOtherwise
from book.together import MOST_BYTES, Together
from domain.intake.complaints import canonical_address

CHANNEL = "plazo_inbox"
"""What PostgreSQL notifies, without a word, when reports have come."""

_BETWEEN = 0.05
"""Seconds between two notifications: each takes turns with all commits that notify something."""

_TRIES = 5
"""Each failure means that a report of the same name was read, and left none, in that very moment"""

_LATER = timedelta(minutes=1)
"""Until a report is read again after that has failed by no fault of its own."""

_COLUMNS = "name, received_at, body, media_type, host(address) AS address, is_the_spam"


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A report as it came, verified and not read. `id` is the sender's own, the same at every try.

    Neither `id` nor `reporter` holds a slash.
    """

    id: str
    reporter: str
    received_at: datetime
    content: bytes
    media_type: str
    address: str | None = None
    """Where the mail left from, for what complains without telling, if the reporter says so."""
    is_the_spam: bool = False
    """The content is the offending message itself, as the reporter got it."""

    @property
    def name(self) -> str:
        return f"{self.reporter}/{self.id}/"


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How many reports are still to be read, and since when the oldest is. None: there is none."""

    reports: int
    oldest: timedelta | None


class Inbox:
    """Takes reports for a process that gets many: those that wait share a commit."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._together: Together[Delivered, None] = Together(
            self._write, lambda delivered: len(delivered.content)
        )
        self._untold = False
        self._teller: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take reports while the block lasts."""
        try:
            yield
        finally:
            if self._teller is not None:
                await self._teller

    async def put(self, delivered: Delivered) -> None:
        """Committed when this returns, and readers are told. The same again changes nothing.

        Raises ReportedOtherwise if its name was used for something else; what PostgreSQL says when
        it is away: the same can then be put again.
        """
        await self._together.add(delivered)

    async def _write(self, batch: Sequence[Delivered]) -> Sequence[Exception | None]:
        digests = [evidence.digest(each.content) for each in batch]
        first: dict[str, tuple[bytes, Delivered]] = {}
        for each, digest in zip(batch, digests, strict=True):
            first.setdefault(each.name, (digest, each))
        known = await self._put(first)
        self._tell()
        stands = {name: digest for name, (digest, _) in first.items()} | known
        return [
            None if stands[each.name] == digest else ReportedOtherwise(each.reporter, each.id)
            for each, digest in zip(batch, digests, strict=True)
        ]

    async def _put(self, given: dict[str, tuple[bytes, Delivered]]) -> dict[str, bytes]:
        """Put them in; of those that were known before, the digest that stands."""
        known: dict[str, bytes] = {}
        left = list(given)
        for _ in range(_TRIES):
            several = [given[name][1] for name in left]
            rows = await self._pool.fetch(
                "SELECT * FROM put_into_inbox($1, $2, $3, $4, $5, $6, $7)",
                left,
                [each.received_at for each in several],
                [given[name][0] for name in left],
                [each.content for each in several],
                [each.media_type for each in several],
                [each.address for each in several],
                [each.is_the_spam for each in several],
            )
            known |= {row["known"]: row["digest"] for row in rows if row["digest"] is not None}
            left = [row["known"] for row in rows if row["digest"] is None]
            if not left:
                return known
        raise RuntimeError(f"{', '.join(left)}: could not be put into the inbox")

    def _tell(self) -> None:
        self._untold = True
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell_readers())

    async def _tell_readers(self) -> None:
        """Not in the transaction of the reports: those that notify commit one after another."""
        while self._untold:
            self._untold = False
            try:
                await self._pool.execute(f"NOTIFY {CHANNEL}")
            except LOST:
                return  # readers look by themselves as well
            await asyncio.sleep(_BETWEEN)


async def take(connection: Connection, most: int) -> list[Delivered]:
    """Take reports out, up to `most` of those that have waited longest and 8 MiB.

    Nobody else gets them unless the connection's transaction fails; then they are there as before.
    """
    rows = await connection.fetch(
        "WITH held AS MATERIALIZED (SELECT name, due_at, octet_length(body) AS size FROM inbox"  # noqa: S608
        "   WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED),"
        " few AS MATERIALIZED (SELECT name FROM ("
        "   SELECT name, size, sum(size) OVER (ORDER BY due_at, name) AS upto FROM held) AS summed"
        "   WHERE upto - size < $2)"
        f" DELETE FROM inbox WHERE name = ANY(ARRAY(SELECT name FROM few)) RETURNING {_COLUMNS}",
        most,
        MOST_BYTES,
    )
    return [_delivered(row) for row in rows]


async def take_one(connection: Connection, name: str) -> Delivered | None:
    """Take this report out, waiting for whoever has it; None if it has gone."""
    row = await connection.fetchrow(
        f"DELETE FROM inbox WHERE name = $1 RETURNING {_COLUMNS}",  # noqa: S608
        name,
    )
    return _delivered(row) if row is not None else None


async def put_off(pool: Pool, name: str) -> None:
    """Leave a report in the inbox, to be read a minute later: others go first."""
    await pool.execute("UPDATE inbox SET due_at = now() + $2 WHERE name = $1", name, _LATER)


async def backlog(connection: Connection) -> Backlog:
    """What is still to be read."""
    row = await connection.fetchrow(
        "SELECT count(*) AS reports, now() - min(received_at) AS oldest FROM inbox"
    )
    return Backlog(reports=row["reports"], oldest=row["oldest"])


def _delivered(row: Record) -> Delivered:
    reporter, name, _ = row["name"].split("/")
    return Delivered(
        id=name,
        reporter=reporter,
        received_at=row["received_at"],
        content=row["body"],
        media_type=row["media_type"],
        address=canonical_address(row["address"] or ""),  # PostgreSQL writes some in another form
        is_the_spam=row["is_the_spam"],
    )
