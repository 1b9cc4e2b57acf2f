"""What `plazo import FILE` reads: the provider's hosts, clients, contracts and services, in YAML.

    hosts:
      HOST:                   # a mail host with an agent; nothing more to say of it
      HOST: {edge: true, guards: [192.0.2.0/24]}   # a firewall, where port 25 can be blocked
      HOST: {platform: plesk} # what runs it, so that a letter's steps are that program's
    clients:
      CLIENT:
        name, kind, language, contacts, phone, channels, billing: {backend, id}
        contracts:
          CONTRACT:
            valid_from, valid_until, clause, jurisdiction, deadline, calendar, measures, prices, ...
        services:
          SERVICE: {kind, host, account, addresses}

What belongs to a client stands below it, so neither a contract nor a service can name a client
that is not there. Names in capitals are lower-case names of the provider's choosing, each used once
in the whole file. `docs/example.yaml` shows every field. Rules beyond the form of each value:

- `valid_until` is the first moment that is no longer covered, so the next contract may begin on
  the same date. A bare date begins at midnight in the zone of the contract's calendar, else in UTC.
  The contracts of one client never overlap.
- No two addresses or prefixes of the file overlap, within one service neither: every address has
  one line to look at.
- A server's measure holds all that its mail host sends. So a host with a managed service serves
  one client alone.
- Shared and reseller services name the client's account and its host; no other kind has an account.

All of it is read or nothing: every mistake is told at once, by line.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, TypeVar

from yaml.nodes import Node

from domain.clientele.document import (
    Field,
    Flawed,
    Notes,
    Unreadable,
    line_of,
    one,
    pairs,
    root_of,
    section,
    several,
)
from domain.clientele.entries import (
    channel,
    contact,
    flag,
    identifier,
    instead,
    member,
    phone,
    prefix,
    quoted,
)
from domain.clientele.placement import Placed, Placement, unfit
from domain.clientele.signed import Period, Signed, note_overlaps, read_signed
from domain.letters.causes import Platform
from domain.money.accounts import Account
from domain.parties import Client, ClientKind, Language, Service, ServiceKind

__all__ = ["Clientele", "Host", "Signed", "Unreadable", "read_clientele"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A machine with an agent: a mail host, or a firewall at the edge."""

    id: str
    edge: bool = False
    platform: Platform | None = None
    """What runs it; None leaves it to what the headers of spam give away."""
    guards: tuple[str, ...] = ()
    """The prefixes that an edge stands before; none says every address."""


@dataclass(frozen=True, kw_only=True)
class Clientele:
    """Everything that a provider's file says, each part in the order of the file."""

    hosts: tuple[Host, ...]
    clients: tuple[Client, ...]
    contracts: tuple[Signed, ...]
    services: tuple[Service, ...]


def read_clientele(
    text: str,
    *,
    languages: Collection[Language] = tuple(Language),
    backends: Collection[str] | None = None,
) -> Clientele:
    """Read a whole file. Raises Unreadable with every mistake in it, by line.

    `languages` are those that there are letters in, `backends` those that clients can be billed by;
    None where any name will do.
    """
    reading = _Reading(languages=languages, backends=backends)
    reading.top(root_of(text))
    reading.placement.note_conflicts(reading.notes)
    reading.notes.settle()
    return Clientele(
        hosts=tuple(reading.hosts.values()),
        clients=tuple(reading.clients),
        contracts=tuple(reading.contracts),
        services=tuple(reading.services),
    )


def _guarded(words: str) -> str:
    return str(prefix(words))


_HOST = {
    "edge": Field(one(flag), "true", required=False),
    "platform": Field(one(member(Platform, "platform")), "cpanel", required=False),
    "guards": Field(several(one(_guarded), "[192.0.2.0/24]"), "[192.0.2.0/24]", required=False),
}
_CLIENT = {
    "name": Field(one(str), "Hosting Ejemplo SL"),
    "kind": Field(one(member(ClientKind, "kind")), "business"),
    "contacts": Field(several(one(contact), "[abuse@client.example]"), "[abuse@client.example]"),
    "phone": Field(one(phone), "+34 910 000 000", required=False),
    "channels": Field(several(one(channel), "[json://HOST]"), "[json://HOST]", required=False),
}


@dataclass
class _Reading:
    """What was read so far, and what has to be held against the rest of the file."""

    languages: Collection[Language]
    backends: Collection[str] | None
    notes: Notes = field(default_factory=Notes)
    hosts: dict[str, Host] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    contracts: list[Signed] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    named: dict[tuple[str, str], Node] = field(default_factory=dict)
    placement: Placement = field(default_factory=Placement)

    def top(self, root: Node) -> None:
        """Hosts come first, wherever they stand, because services name them."""
        fields = {
            "hosts": Field(self._each("host", self._host), "{mx1.provider.example: }", False),
            "clients": Field(self._each("client", self._client), "{client-1: {...}}"),
        }
        section(root, self.notes, fields, called="the file", at=root)

    def _each(
        self, called: str, read: Callable[[str, Node, Node], T]
    ) -> Callable[[Node, Notes], tuple[T, ...]]:
        """A reader of `NAME: {...}` lines; a name that is taken anywhere in the file is noted."""

        def read_each(node: Node, notes: Notes) -> tuple[T, ...]:
            found = pairs(node, notes, f"the {called} list")
            if not found:
                raise notes.flaw(node, f"there is no {called} here; add one, or remove the line")
            return tuple(
                read(self._name(called, key, notes), key, value) for _, key, value in found
            )

        return read_each

    def _name(self, called: str, key: Node, notes: Notes) -> str:
        name: str = key.value
        try:
            identifier(name)
        except ValueError as error:
            notes.add(key, str(error))
        first = self.named.setdefault((called, name), key)
        if first is not key:
            notes.add(
                key,
                f"{called} {quoted(name)} is in the file already (line {line_of(first)}); "
                "give it another name",
            )
        return name

    def _host(self, name: str, key: Node, node: Node) -> None:
        given: dict[str, Any] = {}
        if not node.tag.endswith(":null"):
            called = f"host {quoted(name)}"
            given = section(node, self.notes, _HOST, called=called, at=key).values
            if "guards" in given and not given.get("edge"):
                self.notes.add(key, f"{called} guards addresses, but is no edge; add edge: true")
        self.hosts[name] = Host(id=name, **given)

    def _client(self, name: str, key: Node, node: Node) -> None:
        periods: list[Period] = []

        def contract(which: str, at: Node, below: Node) -> None:
            signed, period = read_signed(which, name, at, below, self.notes)
            self.contracts += [signed] if signed is not None else []
            periods.extend([period] if period is not None else [])

        def service(which: str, at: Node, below: Node) -> None:
            self._service(which, name, at, below)

        fields = _CLIENT | {
            "language": Field(one(self._language), "es"),
            "billing": Field(self._billing, '{backend: whmcs, id: "42"}', required=False),
            "contracts": Field(self._each("contract", contract), "{contract-1: {...}}"),
            "services": Field(self._each("service", service), "{vps-1: {...}}", False),
        }
        part = section(node, self.notes, fields, called=f"client {quoted(name)}", at=key)
        note_overlaps(periods, self.notes)
        if part.whole:
            known = ("language", "billing", *_CLIENT)
            self.clients.append(
                Client(
                    id=name, **{word: part.values[word] for word in known if word in part.values}
                )
            )

    def _billing(self, node: Node, notes: Notes) -> Account:
        part = section(node, notes, self._account, called="billing", at=node)
        if not part.whole:
            raise Flawed
        return Account(**part.values)

    @property
    def _account(self) -> dict[str, Field]:
        return {
            "backend": Field(one(self._backend), "whmcs"),
            "id": Field(one(str), '"42"', required=False),
        }

    def _backend(self, words: str) -> str:
        if self.backends is not None and words not in self.backends:
            raise ValueError(
                f"unknown billing backend {quoted(words)}; {instead(words, self.backends)}"
            )
        return words

    def _language(self, words: str) -> Language:
        found = {str(each): each for each in self.languages}
        if words not in found:
            raise ValueError(f"unknown language {quoted(words)}; {instead(words, found)}")
        return found[words]

    def _service(self, name: str, client: str, key: Node, node: Node) -> None:
        def address(at: Node, notes: Notes) -> str:
            found = one(prefix)(at, notes)
            self.placement.prefixes.append((found, name, at))
            return str(found)

        fields = {
            "kind": Field(one(member(ServiceKind, "kind")), "managed_vps"),
            "host": Field(self._mail_host, "mx1.provider.example", required=False),
            "account": Field(one(str), "client1", required=False),
            "addresses": Field(several(address, "[192.0.2.7]"), "[192.0.2.7]", required=False),
        }
        part = section(node, self.notes, fields, called=f"service {quoted(name)}", at=key)
        kind: ServiceKind | None = part.values.get("kind")
        self.placement.services.append(
            Placed(name=name, client=client, node=key, kind=kind, host=part.values.get("host"))
        )
        faults = list(unfit(kind, set(part.nodes)))
        for fault in faults:
            self.notes.add(key, f"service {quoted(name)} {fault}")
        if part.whole and not faults:
            self.services.append(Service(id=name, client=client, **part.values))

    def _mail_host(self, node: Node, notes: Notes) -> str:
        name = one(str)(node, notes)
        if name not in self.hosts:
            raise notes.flaw(
                node, f"unknown host {quoted(name)}; add `{name}:` below hosts, or correct it"
            )
        if self.hosts[name].edge:
            raise notes.flaw(node, f"{name} is at the edge; write the service's mail host")
        return name
