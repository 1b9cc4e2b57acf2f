"""How a file's services lie on addresses and mail hosts, and what of it cannot be."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from yaml.nodes import Node

from domain.clientele.document import Notes, line_of
from domain.clientele.entries import Prefix, quoted
from domain.parties import ServiceKind


@dataclass(frozen=True, kw_only=True)
class Placed:
    """As much of a service as the checks between services need; None is what could not be read."""

    name: str
    client: str
    node: Node
    kind: ServiceKind | None
    host: str | None

    @property
    def has_the_whole_host(self) -> bool:
        """Whether a measure on its server takes hold of all that the host sends."""
        return self.kind is not None and not self.kind.account_is_the_clients_own


@dataclass
class Placement:
    """Every prefix and every service of a file, with the node that says so."""

    prefixes: list[tuple[Prefix, str, Node]] = field(default_factory=list)
    services: list[Placed] = field(default_factory=list)

    def note_conflicts(self, notes: Notes) -> None:
        """Note prefixes that overlap, and hosts where one client's measure would hit another."""
        self._note_overlaps(notes)
        self._note_shared_hosts(notes)

    def _note_overlaps(self, notes: Notes) -> None:
        # Prefixes lie within one another or apart, so each is held against the last wide one.
        wide: tuple[Prefix, str, Node] | None = None
        for network, service, node in sorted(self.prefixes, key=_by_address):
            if wide is None or not within(network, wide[0]):
                wide = (network, service, node)
                continue
            notes.add(
                node,
                f"{network} of {service} overlaps {wide[0]} of {wide[1]} (line "
                f"{line_of(wide[2])}); write every address once",
            )

    def _note_shared_hosts(self, notes: Notes) -> None:
        on_host: dict[str, list[Placed]] = defaultdict(list)
        for service in self.services:
            if service.host is not None:
                on_host[service.host].append(service)
        for host, services in on_host.items():
            for service in filter(lambda each: each.has_the_whole_host, services):
                other = next((each for each in services if each.client != service.client), None)
                if other is None:
                    break
                notes.add(
                    service.node,
                    f"service {quoted(service.name)} is {service.kind} on {host}, where "
                    f"{quoted(other.name)} of {other.client} is too (line {line_of(other.node)}): "
                    "a measure would hold the mail of both; give each client a host of its own",
                )


def unfit(kind: ServiceKind | None, given: set[str]) -> Iterable[str]:
    """What a service of this kind lacks or has too much, as the end of a sentence."""
    if kind is None:
        return
    if kind.account_is_the_clients_own:
        for word in sorted({"account", "host"} - given):
            yield f"is {kind} and names no {word}; add the client's {word}"
    elif "account" in given:
        yield f"is {kind}, which has no account of the client's own; remove the account"
    if not kind.account_is_the_clients_own and not given & {"host", "addresses"}:
        yield "has neither addresses nor a host, so nothing can be traced to it; add one"


def _by_address(each: tuple[Prefix, str, Node]) -> tuple[int, int, int, int]:
    return *in_order(each[0]), line_of(each[2])


def in_order(network: Prefix) -> tuple[int, int, int]:
    """By address, a wide prefix before those that lie in it."""
    return network.version, int(network.network_address), network.prefixlen


def within(inner: Prefix, outer: Prefix) -> bool:
    """Whether one prefix lies in another, or is the same."""
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
