"""The clientele that is in the book, and bringing it to what another program lists."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

from asyncpg import Connection, ExclusionViolationError, Pool, Record

from book.clientele import clients
from book.clientele.clients import Overlap
from book.database import transaction
from book.incident.incidents import client_of
from book.intake import unplaced
from domain.clientele.changes import Change, difference
from domain.clientele.file import Clientele, Host
from domain.clientele.listed import Understood
from domain.clientele.signed import Signed
from domain.clientele.sources import Source
from domain.clientele.syncing import Resolved, Standing, resolve
from domain.contract import Contract
from domain.letters.causes import Platform
from domain.money.accounts import Account
from domain.parties import Service, ServiceKind
from domain.wire import from_json

T = TypeVar("T")


class _NotForGood(Exception):
    """Takes back what was only tried."""


async def sync(pool: Pool, source: Source, understood: Understood, *, apply: bool) -> Resolved:
    """Bring the book to what a source lists, all at once, or only say what that would change.

    What an open incident needs stays, and is among the changes with its reason; an incident that
    opens meanwhile is either seen here or finds all done. Raises what `clients.keep` does.
    """
    resolved: Resolved | None = None
    try:
        async with transaction(pool) as connection:
            # First, as whoever keeps a report does, or the two would wait for each other.
            await unplaced.keep_waiting(connection)
            # Whoever opens an incident holds its service; so none opens unseen until we are done.
            await connection.execute("SELECT FROM services ORDER BY id FOR UPDATE")
            now = await connection.fetchval("SELECT now()")
            resolved = resolve(await standing(connection), understood, source, now)
            await clients.write(connection, resolved.clientele)
            await _take_away(connection, resolved.gone)
            await unplaced.attach(connection)
            if not apply:
                raise _NotForGood
    except _NotForGood:
        pass
    except ExclusionViolationError as error:
        raise Overlap(error.detail or str(error)) from error
    assert resolved is not None
    return resolved


async def rehearse(pool: Pool, clientele: Clientele) -> tuple[Change, ...]:
    """What importing a file would change. Raises what `clients.keep` does."""
    changes: tuple[Change, ...] = ()
    try:
        async with transaction(pool) as connection:
            changes = difference((await standing(connection)).clientele, clientele)
            await clients.write(connection, clientele)
            raise _NotForGood
    except _NotForGood:
        return changes
    except ExclusionViolationError as error:
        raise Overlap(error.detail or str(error)) from error


async def standing(connection: Connection) -> Standing:
    """All that is in the book, in one snapshot where the transaction has one."""
    hosts = await connection.fetch(
        "SELECT id, edge, platform, guards::text[] FROM hosts ORDER BY id"
    )
    who = await connection.fetch("SELECT *, id AS client FROM clients ORDER BY id")
    contracts = await connection.fetch("SELECT valid, terms FROM contracts ORDER BY id")
    services = await connection.fetch("SELECT * FROM services ORDER BY id")
    addresses: defaultdict[str, list[str]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT service, text(address) AS address FROM service_addresses"
        " WHERE upper_inf(valid) ORDER BY service_addresses.address"
    ):
        addresses[row["service"]].append(row["address"])
    incidents = await connection.fetch(
        "SELECT id, service, contract, stage <> 'closed' AS open FROM incidents ORDER BY opened_at"
    )
    return Standing(
        clientele=Clientele(
            hosts=tuple(
                Host(
                    id=row["id"],
                    edge=row["edge"],
                    platform=_or_none(Platform, row["platform"]),
                    guards=tuple(row["guards"]),
                )
                for row in hosts
            ),
            clients=tuple(replace(client_of(row), billing=_billing(row)) for row in who),
            contracts=tuple(
                Signed(
                    contract=from_json(Contract, row["terms"]),
                    valid_from=row["valid"].lower,
                    valid_until=row["valid"].upper,
                )
                for row in contracts
            ),
            services=tuple(
                Service(
                    id=row["id"],
                    client=row["client"],
                    kind=ServiceKind(row["kind"]),
                    host=row["host"],
                    account=row["account"],
                    addresses=tuple(addresses[row["id"]]),
                )
                for row in services
            ),
        ),
        open={row["service"]: row["id"] for row in incidents if row["open"]},
        decided={row["contract"]: row["id"] for row in incidents},
        bound={row["contract"]: row["id"] for row in incidents if row["open"]},
        theirs={row["service"]: row["id"] for row in incidents},
    )


async def _take_away(connection: Connection, services: Collection[str]) -> None:
    """Services that are rented no more: their addresses end now, and no host is theirs.

    The rows stay, with the history of who had what.
    """
    await connection.execute(
        "UPDATE service_addresses SET valid = tstzrange(lower(valid), now())"
        " WHERE service = ANY($1) AND upper_inf(valid)",
        list(services),
    )
    await connection.execute("DELETE FROM service_addresses WHERE isempty(valid)")
    await connection.execute("UPDATE services SET host = NULL WHERE id = ANY($1)", list(services))


def _billing(row: Record) -> Account | None:
    backend, number = row["billing_backend"], row["billing_id"]
    return None if backend is None else Account(backend=backend, id=number)


def _or_none(kind: type[T], value: str | None) -> T | None:
    return None if value is None else kind(value)  # type: ignore[call-arg]
