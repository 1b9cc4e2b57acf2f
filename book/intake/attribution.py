"""Whose address it was, asked of PostgreSQL for a few, or of an index that follows it for many.

Every change of an address, a service or a contract moves the revision on, in its own transaction
(infra/migrations/0003.intake.sql). Whoever asks the index first reads the revision in their own
transaction, and the index is brought up to it before it answers: no answer is older than what the
asker can see. A notification brings it up to date sooner, so that there is mostly nothing to do.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Protocol

from asyncpg import Connection, Pool, PostgresError, Record

from book.beside import beside
from book.database import LOST
from book.listen import listen
from domain.intake.attribution import NO_ADDRESS, Held, Index, Place, unknown, without_contract

log = logging.getLogger("plazo.book")

CHANNEL = "plazo_attribution"
"""What `next_attribution` notifies."""

Mail = tuple[str | None, datetime]
"""The address that it was sent from, and when."""

_CHANGES_KEPT = 100
"""Revisions that the changes are kept of (infra/migrations/0003.intake.sql)."""

_MOST_CHANGES = 20_000
"""More is quicker read anew."""

_AT_ONCE = 5_000
"""Rows read between two turns of the loop, so that others' requests go on while it is read."""

_PACE = 15.0
"""Seconds after which it looks for itself: a notification may be lost."""

PLACE = (
    "SELECT s.id AS service, s.client, c.id AS contract FROM service_addresses a"
    " JOIN services s ON s.id = a.service"
    " LEFT JOIN contracts c ON c.client = s.client AND c.valid @> mail.at"
    " WHERE a.address >>= mail.address AND a.valid @> mail.at"
    " ORDER BY masklen(a.address) DESC LIMIT 1"
)
"""The row that decides on `mail`, which has an `address` and a time `at`."""


class Attribution(Protocol):
    """Says whose address it was when the mail was sent, or why that is not known."""

    async def places(self, connection: Connection, mails: Sequence[Mail]) -> list[Place | str]:
        """For each mail in turn, as the connection's transaction can see it now."""


class Asked:
    """Asks PostgreSQL each time: for whoever has a report now and then."""

    async def places(self, connection: Connection, mails: Sequence[Mail]) -> list[Place | str]:
        rows = await connection.fetch(
            f"SELECT mail.address, place.* FROM unnest($1::text[]::inet[], $2::timestamptz[])"  # noqa: S608
            f" WITH ORDINALITY AS mail (address, at, n) LEFT JOIN LATERAL ({PLACE}) AS place"
            " ON true ORDER BY n",
            [address for address, _ in mails],
            [at for _, at in mails],
        )
        return [_placed(row, address) for row, (address, _) in zip(rows, mails, strict=True)]


def _placed(row: Record, address: str | None) -> Place | str:
    if address is None:
        return NO_ADDRESS
    if row["service"] is None:
        return unknown(address)
    if row["contract"] is None:
        return without_contract(row["client"])
    return Place(service=row["service"], client=row["client"], contract=row["contract"])


class Followed:
    """Asks an index in memory, which follows the database while `running` lasts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._index = Index()
        self._revision = 0
        """Of the index; 0 until it has been read."""
        self._catching_up = asyncio.Lock()
        self._told = asyncio.Event()

    def __len__(self) -> int:
        """How many prefixes it knows."""
        return len(self._index)

    async def places(self, connection: Connection, mails: Sequence[Mail]) -> list[Place | str]:
        revision = await connection.fetchval("SELECT revision FROM attribution")
        if revision > self._revision:
            await self.catch_up(revision)
        return [self._index.place(address, at) for address, at in mails]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be up to date before it is asked, as far as notifications carry."""
        listening = listen(self._pool, CHANNEL, lambda _: self._told.set())
        async with beside(listening, self._follow()):
            yield

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PACE):
                    await self._told.wait()
            self._told.clear()
            try:
                await self.catch_up()
            except (*LOST, PostgresError) as error:
                log.warning("attribution waits", extra={"why": str(error)})

    async def catch_up(self, to: int | None = None) -> None:
        """Bring the index to a revision at least, or else to the last that there is."""
        async with self._catching_up:
            if to is not None and to <= self._revision:
                return  # another has done it while we waited
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                current: int = await connection.fetchval("SELECT revision FROM attribution")
                behind = current - self._revision
                # A revision of before: the book was restored from a backup.
                near = self._revision and 0 < behind < _CHANGES_KEPT
                if behind and not (near and await self._follow_changes(connection)):
                    self._index = await _read(connection)
                self._revision = current

    async def _follow_changes(self, connection: Connection) -> bool:
        """Read only what has changed since; False if that is too much."""
        changes = await connection.fetch(
            "SELECT DISTINCT text(address) AS address, service, client FROM attribution_changes"
            " WHERE revision > $1 LIMIT $2",
            self._revision,
            _MOST_CHANGES + 1,
        )
        if len(changes) > _MOST_CHANGES:
            return False
        prefixes, services, clients = (
            [row[name] for row in changes if row[name] is not None]
            for name in ("address", "service", "client")
        )
        held = await connection.fetch(
            _ADDRESSES + " WHERE address = ANY($1::text[]::cidr[])", prefixes
        )
        rented = await connection.fetch(_SERVICES + " WHERE id = ANY($1)", services)
        agreed = await connection.fetch(_CONTRACTS + " WHERE client = ANY($1)", clients)
        # All of it between two awaits: nobody is answered out of half of it.
        for service in set(services):
            self._index.rent(service, None)
        for row in rented:
            self._index.rent(row["id"], row["client"])
        for prefix, periods in _grouped(prefixes, held).items():
            self._index.hold(prefix, periods)
        for client, periods in _grouped(clients, agreed).items():
            self._index.agree(client, periods)
        return True


_PERIOD = "lower(valid) AS since, upper(valid) AS until"
_ADDRESSES = f"SELECT text(address) AS key, service AS by, {_PERIOD} FROM service_addresses"  # noqa: S608
_SERVICES = "SELECT id, client FROM services"
_CONTRACTS = f"SELECT client AS key, id AS by, {_PERIOD} FROM contracts"  # noqa: S608


async def _read(connection: Connection) -> Index:
    """All of it, in the snapshot of the connection's transaction."""
    index = Index()
    async for row in connection.cursor(_SERVICES, prefetch=_AT_ONCE):
        index.rent(row["id"], row["client"])
    for client, periods in _grouped((), await connection.fetch(_CONTRACTS)).items():
        index.agree(client, periods)
    key, periods = "", []
    async for row in connection.cursor(f"{_ADDRESSES} ORDER BY address", prefetch=_AT_ONCE):
        if row["key"] != key:
            if periods:
                index.hold(key, periods)
            key, periods = row["key"], []
        periods.append(_held(row))
    if periods:
        index.hold(key, periods)
    return index


def _grouped(keys: Sequence[str], rows: Sequence[Record]) -> dict[str, list[Held]]:
    """The periods of each key; none of a key that has no row."""
    found: dict[str, list[Held]] = {key: [] for key in keys}
    for row in rows:
        found.setdefault(row["key"], []).append(_held(row))
    return found


def _held(row: Record) -> Held:
    return Held(row["since"], row["until"], row["by"])
