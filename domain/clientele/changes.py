"""What a file or another program would change of the clientele in the book, in words."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum

from domain.clientele.file import Clientele, Host
from domain.clientele.signed import Signed
from domain.contract import Contract
from domain.parties import Client, Service

Kept = Host | Client | Signed | Service


class How(StrEnum):
    """What becomes of something."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One line of what a sync does. `held` says why it is not done yet."""

    how: How
    what: str
    """client, contract, host or service."""
    id: str
    detail: str = ""
    held: str = ""


def difference(standing: Clientele, wanted: Clientele) -> tuple[Change, ...]:
    """What writing `wanted` down changes."""
    found: list[Change] = []
    parts: tuple[tuple[str, Iterable[Kept], Iterable[Kept]], ...] = (
        ("host", standing.hosts, wanted.hosts),
        ("client", standing.clients, wanted.clients),
        ("contract", standing.contracts, wanted.contracts),
        ("service", standing.services, wanted.services),
    )
    for what, before, after in parts:
        known = {id_of(each): each for each in before}
        for each in after:
            old = known.get(id_of(each))
            if old is None:
                found.append(Change(how=How.NEW, what=what, id=id_of(each), detail=summary(each)))
            elif detail := "; ".join(differences(old, each)):
                found.append(Change(how=How.CHANGED, what=what, id=id_of(each), detail=detail))
    return (*found, *_losses(standing, wanted))


def _losses(standing: Clientele, wanted: Clientele) -> Iterable[Change]:
    """Services that are not named, and whose addresses another one gets."""
    named = {each.id for each in wanted.services}
    taken = {address for each in wanted.services for address in each.addresses}
    for service in standing.services:
        lost = [f"- {each}" for each in service.addresses if each in taken]
        if lost and service.id not in named:
            detail = "; ".join(lost)
            yield Change(how=How.CHANGED, what="service", id=service.id, detail=detail)


# --- words ----------------------------------------------------------------------------------------


def id_of(each: Kept) -> str:
    """The name in the book."""
    return each.contract.id if isinstance(each, Signed) else each.id


def summary(each: Kept) -> str:
    """What is worth saying of something new."""
    match each:
        case Host():
            return "at the edge" if each.edge else ""
        case Client():
            return f"{each.name}, {', '.join(each.contacts)}"
        case Signed():
            return f"of {each.contract.client}"
        case Service():
            has = [word for word in (each.host, each.account) if word]
            return ", ".join([str(each.kind), *has, *each.addresses])


def differences(before: Kept, after: Kept) -> Iterable[str]:
    """What would change, a few words for each field."""
    if isinstance(before, Signed) and isinstance(after, Signed):
        for name in _differing(before.contract, after.contract):
            yield f"other {name}"
        for name in ("valid_from", "valid_until"):
            yield from _arrow(name, getattr(before, name), getattr(after, name))
        return
    for name in _differing(before, after):
        old, new = getattr(before, name), getattr(after, name)
        if name == "channels":
            yield "other channels"  # some hold a secret
        elif isinstance(old, tuple):
            yield from (f"+ {each}" for each in new if each not in old)
            yield from (f"- {each}" for each in old if each not in new)
        else:
            yield from _arrow(name, old, new)


def _differing(before: Kept | Contract, after: Kept | Contract) -> list[str]:
    """Addresses are the same ones in whatever order."""
    found = []
    for name in (each.name for each in fields(before)):
        old, new = getattr(before, name), getattr(after, name)
        if (sorted(old) != sorted(new)) if name == "addresses" else (old != new):
            found.append(name)
    return found


def _arrow(name: str, old: object, new: object) -> Iterable[str]:
    if old != new:
        yield f"{name}: {'none' if old is None else old} → {'none' if new is None else new}"
