"""Clients, contracts, hosts, services and addresses, brought to what a file says."""

from dataclasses import dataclass

from asyncpg import Connection, ExclusionViolationError, Pool, Range

from book.database import transaction
from book.intake import unplaced
from domain.clientele.file import Clientele, Signed
from domain.contract import Contract
from domain.parties import Service
from domain.wire import from_json, to_json


class ContractInUse(ValueError):
    """An incident was decided on these terms; give the new ones a new id and their own period."""


class NotTheirs(ValueError):
    """A service stays its client's; give what another client rents a new id."""


class Overlap(ValueError):
    """Something in the book already covers it; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """How many of each the file had."""

    clients: int
    contracts: int
    hosts: int
    services: int
    addresses: int


async def keep(pool: Pool, clientele: Clientele) -> Imported:
    """Write a whole file down in one transaction. What the file does not name stays as it is.

    Addresses are those that the file gives a service from now on; the history of who had which is
    kept. Reports that waited for an address or a contract join their incidents with it. Raises
    ContractInUse, NotTheirs, or Overlap with what an earlier import has left in the book.
    """
    try:
        async with transaction(pool) as connection:
            imported = await write(connection, clientele)
            await unplaced.attach(connection)
            return imported
    except ExclusionViolationError as error:
        raise Overlap(error.detail or str(error)) from error


async def write(connection: Connection, clientele: Clientele) -> Imported:
    """As `keep`, within a transaction; the caller attaches the reports that waited."""
    for host in clientele.hosts:
        await connection.execute(
            "INSERT INTO hosts (id, edge, platform, guards) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (id) DO UPDATE SET edge = $2, platform = $3, guards = $4",
            host.id,
            host.edge,
            host.platform,
            list(host.guards),
        )
    for client in clientele.clients:
        await connection.execute(
            "INSERT INTO clients (id, name, kind, language, contacts, phone, channels,"
            " billing_backend, billing_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            " ON CONFLICT (id) DO UPDATE SET name = $2, kind = $3, language = $4, contacts = $5,"
            " phone = $6, channels = $7, billing_backend = $8, billing_id = $9",
            client.id,
            client.name,
            client.kind,
            client.language,
            list(client.contacts),
            client.phone,
            list(client.channels),
            client.billing and client.billing.backend,
            client.billing and client.billing.id,
        )
    for signed in clientele.contracts:
        # First what ends earlier or begins later than before: its room may be another's now.
        await connection.execute(
            "UPDATE contracts SET valid = valid * $2 WHERE id = $1 AND valid && $2",
            signed.contract.id,
            _period(signed),
        )
    for signed in clientele.contracts:
        await _keep_contract(connection, signed)
    for service in clientele.services:
        await _see_that_it_is_theirs(connection, service)
        await connection.execute(
            "INSERT INTO services (id, client, kind, host, account)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET client = $2,"
            " kind = $3, host = $4, account = $5",
            service.id,
            service.client,
            service.kind,
            service.host,
            service.account,
        )
    await _keep_addresses(connection, clientele.services)
    return Imported(
        clients=len(clientele.clients),
        contracts=len(clientele.contracts),
        hosts=len(clientele.hosts),
        services=len(clientele.services),
        addresses=sum(len(service.addresses) for service in clientele.services),
    )


async def _see_that_it_is_theirs(connection: Connection, service: Service) -> None:
    """Addresses move in time, services do not: what one client sent must not become another's."""
    incident = await connection.fetchrow(
        "SELECT id, client FROM incidents WHERE service = $1 AND client <> $2 LIMIT 1",
        service.id,
        service.client,
    )
    if incident is not None:
        raise NotTheirs(
            f"service {service.id}: {incident['id']} is client {incident['client']}'s; give what "
            f"{service.client} rents now a new id, and move the addresses to it"
        )


async def _keep_contract(connection: Connection, signed: Signed) -> None:
    contract, terms = signed.contract, to_json(signed.contract)
    kept = await connection.fetchval("SELECT terms FROM contracts WHERE id = $1", contract.id)
    # Terms that were kept before there were further ones are the same without them.
    if kept is not None and from_json(Contract, kept) != contract:
        incident = await connection.fetchval(
            "SELECT id FROM incidents WHERE contract = $1 LIMIT 1", contract.id
        )
        if incident is not None:
            raise ContractInUse(
                f"contract {contract.id}: {incident} was decided on its terms, so they stay; give "
                "the new terms a new id, and end this one where they begin"
            )
    await connection.execute(
        "INSERT INTO contracts (id, client, valid, terms) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (id) DO UPDATE SET client = $2, valid = $3, terms = $4",
        contract.id,
        contract.client,
        _period(signed),
        terms,
    )


def _period(signed: Signed) -> Range:
    return Range(signed.valid_from, signed.valid_until)


async def _keep_addresses(connection: Connection, services: tuple[Service, ...]) -> None:
    """Addresses that a service lost end now; those that it got begin when another's ended.

    A part of a wider prefix counts as that one's until now. Nobody's before: from the beginning.
    """
    wanted = [(address, service.id) for service in services for address in service.addresses]
    prefixes = [address for address, _ in wanted]
    owners = [owner for _, owner in wanted]
    given = "SELECT * FROM unnest($1::cidr[], $2::text[]) AS given (address, service)"
    await connection.execute(
        f"WITH given AS ({given}) UPDATE service_addresses a"  # noqa: S608 - a constant
        " SET valid = tstzrange(lower(a.valid), now()) WHERE upper_inf(a.valid)"
        " AND (a.service = ANY($3) OR a.address IN (SELECT address FROM given))"
        " AND (a.address, a.service) NOT IN (SELECT address, service FROM given)",
        prefixes,
        owners,
        [service.id for service in services],
    )
    await connection.execute("DELETE FROM service_addresses WHERE isempty(valid)")
    await connection.execute(
        f"WITH given AS ({given}) INSERT INTO service_addresses (address, service, valid)"  # noqa: S608
        " SELECT address, service, tstzrange((SELECT max(coalesce(upper(old.valid), now()))"
        "   FROM service_addresses old WHERE old.address >>= given.address), NULL) FROM given"
        " WHERE NOT EXISTS (SELECT FROM service_addresses a WHERE a.address = given.address"
        "   AND a.service = given.service AND upper_inf(a.valid))",
        prefixes,
        owners,
    )
