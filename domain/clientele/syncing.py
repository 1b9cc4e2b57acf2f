"""What of a sync is done now: all that no open incident needs.

While an incident is open, what it was decided on and what its measures take hold of stays as it is:
its service with host, account and kind, the service's addresses, and the contract. Such a change is
held back until the incident is closed, and told; the next sync makes it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.clientele.changes import Change, How, difference, differences, id_of, summary
from domain.clientele.entries import prefix
from domain.clientele.file import Clientele
from domain.clientele.listed import Understood
from domain.clientele.placement import within
from domain.clientele.signed import Signed
from domain.clientele.sources import Source
from domain.parties import Client, Service


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is in the book now."""

    clientele: Clientele
    open: Mapping[str, str] = field(default_factory=dict)
    """The open incident of a service."""
    decided: Mapping[str, str] = field(default_factory=dict)
    """An incident that was decided on a contract's terms."""
    bound: Mapping[str, str] = field(default_factory=dict)
    """An open one."""
    theirs: Mapping[str, str] = field(default_factory=dict)
    """An incident of a service, whether it is open or not."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What is to be written, which services give up what they have, and all changes."""

    clientele: Clientele
    gone: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


def resolve(standing: Standing, understood: Understood, source: Source, now: datetime) -> Resolved:
    """Bring what a source lists in line with what is in the book and must stay."""
    held: list[Change] = []
    wanted = understood.clientele
    clients = {each.id: each for each in standing.clientele.clients}
    hosts = {each.id: each for each in standing.clientele.hosts}
    services = _services(standing, understood, held)
    resolved = Clientele(
        # What another program does not know is not taken away.
        hosts=tuple(hosts.get(each.id, each) for each in wanted.hosts),
        clients=tuple(_with_more(each, clients.get(each.id)) for each in wanted.clients),
        contracts=_contracts(standing, wanted.contracts, source, now, held),
        services=services,
    )
    gone = []
    listed = {each.id for each in wanted.services}
    for service in standing.clientele.services:
        left = service.id in understood.services_left or service.client in understood.clients_left
        if service.id in listed or left or not _is_of(source, service):
            continue
        change = Change(
            how=How.GONE, what="service", id=service.id, detail=f"gives up {summary(service)}"
        )
        incident = standing.open.get(service.id)
        if incident is None:
            gone.append(change)
        else:
            held.append(replace(change, held=_until(incident)))
    changes = (*difference(standing.clientele, resolved), *gone, *held)
    return Resolved(clientele=resolved, gone=tuple(each.id for each in gone), changes=changes)


def _is_of(source: Source, service: Service) -> bool:
    """Whether it came from there, and has anything that could be taken away."""
    return source.owns(service.id) and bool(service.addresses or service.host)


def _with_more(client: Client, known: Client | None) -> Client:
    if known is None:
        return client
    return replace(
        client,
        phone=client.phone or known.phone,
        channels=known.channels,
        billing=client.billing or known.billing,
    )


# --- services -------------------------------------------------------------------------------------


def _services(
    standing: Standing, understood: Understood, held: list[Change]
) -> tuple[Service, ...]:
    known = {each.id: each for each in standing.clientele.services}
    locked = {
        address: service
        for service in standing.open
        if service in known
        for address in known[service].addresses
    }
    found = []
    for service in understood.clientele.services:
        before = known.get(service.id)
        incident = standing.theirs.get(service.id)
        if before is not None and before.client != service.client and incident is not None:
            why = f"{incident} is {before.client}'s; give what {service.client} rents a new id"
            held.append(_changed(service, f"client: {before.client} → {service.client}", why))
            continue
        if before is not None:
            doubtful = set(before.addresses) & understood.doubtful
            service = replace(service, addresses=_together(service.addresses, doubtful))
        if before is not None and service.id in standing.open:
            service = _as_it_is(before, service, standing.open[service.id], held)
        found.append(_without(service, locked, standing, held))
    return tuple(found)


def _as_it_is(before: Service, service: Service, incident: str, held: list[Change]) -> Service:
    """With all that it has, and what it gets besides."""
    stays = replace(
        service,
        kind=before.kind,
        host=before.host,
        account=before.account,
        addresses=_together(service.addresses, before.addresses),
    )
    if detail := "; ".join(differences(stays, service)):
        held.append(_changed(service, detail, _until(incident)))
    return stays


def _without(
    service: Service, locked: Mapping[str, str], standing: Standing, held: list[Change]
) -> Service:
    """Without addresses, and parts of prefixes, that another service's incident needs."""
    free = []
    for address in service.addresses:
        holder = next((locked[each] for each in _covering(address, locked)), service.id)
        if holder == service.id:
            free.append(address)
            continue
        why = f"it stays with {holder} {_until(standing.open[holder])}"
        held.append(_changed(service, f"+ {address}", why))
    return replace(service, addresses=tuple(free))


def _covering(address: str, locked: Mapping[str, str]) -> Iterable[str]:
    if address in locked:
        yield address
        return
    one = prefix(address)
    yield from (each for each in locked if within(one, prefix(each)))


# --- contracts ------------------------------------------------------------------------------------


def _contracts(
    standing: Standing,
    wanted: Iterable[Signed],
    source: Source,
    now: datetime,
    held: list[Change],
) -> tuple[Signed, ...]:
    """What a person wrote stands. What a template made is followed by what the next one makes."""
    by_client: defaultdict[str, list[Signed]] = defaultdict(list)
    for each in standing.clientele.contracts:
        by_client[each.contract.client].append(each)
    found: list[Signed] = []
    for signed in wanted:
        contract = signed.contract
        others = by_client[contract.client]
        before = next((e for e in others if e.contract.id == contract.id), None)
        if before is not None:
            found.append(_on_its_terms(standing, before, signed, held))
            continue
        in_force = [each for each in others if _overlap(each, signed)]
        if not all(_from_template(each, source) for each in in_force):
            continue
        begins = signed.valid_from or (now if in_force else None)
        bound = next((each for each in in_force if each.contract.id in standing.bound), None)
        if bound is not None:
            incident = standing.bound[bound.contract.id]
            why = f"{bound.contract.id} stays in force {_until(incident)}"
            held.append(Change(how=How.NEW, what="contract", id=contract.id, held=why))
            continue
        if begins is not None:
            found += [replace(each, valid_until=begins) for each in in_force]
        found.append(replace(signed, valid_from=begins))
    return tuple(found)


def _on_its_terms(standing: Standing, before: Signed, signed: Signed, held: list[Change]) -> Signed:
    """A contract of the book as the template has it now, unless an incident was decided on it."""
    signed = replace(signed, valid_from=signed.valid_from or before.valid_from)
    incident = standing.decided.get(signed.contract.id)
    if incident is None or before.contract == signed.contract:
        return signed
    why = f"{incident} was decided on its terms; give the template a new name"
    held.append(_changed(signed, "; ".join(differences(before, signed)), why))
    return replace(signed, contract=before.contract)


def _from_template(signed: Signed, source: Source) -> bool:
    name, client = signed.contract.id, signed.contract.client
    return source.owns(client) and name.startswith(f"{client}-")


def _overlap(one: Signed, other: Signed) -> bool:
    return not _ends_before(one, other) and not _ends_before(other, one)


def _ends_before(one: Signed, other: Signed) -> bool:
    if one.valid_until is None or other.valid_from is None:
        return False
    return one.valid_until <= other.valid_from


def _changed(each: Service | Signed, detail: str, why: str) -> Change:
    what = "contract" if isinstance(each, Signed) else "service"
    return Change(how=How.CHANGED, what=what, id=id_of(each), detail=detail, held=why)


def _until(incident: str) -> str:
    return f"until {incident} is closed"


def _together(some: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*some, *more}, key=lambda address: (":" in address, address)))
