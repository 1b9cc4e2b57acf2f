"""What another program lists, made into a clientele; what cannot be is told, and why.

What is bad is left out alone: a service without its client's others, an address without its
service. What is in the book already, and is bad in the other program now, stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from domain.clientele.entries import Prefix, contact, identifier, instead, phone, prefix, quoted
from domain.clientele.file import Clientele, Host
from domain.clientele.listed import Listed, Problem, Rented, Understood
from domain.clientele.placement import in_order, unfit, within
from domain.clientele.signed import Signed
from domain.clientele.sources import Country, Product, Source
from domain.money.accounts import Account
from domain.parties import Client, Service


def understand(source: Source, listed: Iterable[Listed]) -> Understood:
    """Make a clientele of what a source lists."""
    reading = _Reading(source)
    for each in listed:
        reading.client(each)
    return reading.whole()


class _Bad(ValueError):
    """The record is left out."""


class _Reading:
    """What was understood so far."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._clients: dict[str, Client] = {}
        self._contracts: list[Signed] = []
        self._services: dict[str, Service] = {}
        self._said: dict[str, str] = {}
        self._problems: list[Problem] = []
        self._clients_left: set[str] = set()
        self._services_left: set[str] = set()
        self._doubtful: set[str] = set()

    def client(self, listed: Listed) -> None:
        """One client with all that it rents; one that rents nothing which sends mail is none."""
        name = f"{self._source.name}-{listed.ref}".lower().replace("_", "-")
        services: list[Service] = []
        templates: set[str] = set()
        for each in listed.rented:
            product = self._product(each)
            service = None if product is None else self._service(each, name, product)
            if product is not None and service is not None:
                services.append(service)
                templates.add(product.contract)
        if not services:
            return
        try:
            country = self._country(listed)
            self._clients[name] = self._made(listed, name, country)
        except ValueError as error:
            self._note(listed.said, f"{error}; the client is left out with all that it rents")
            self._clients_left.add(name)
            self._services_left |= {service.id for service in services}
            return
        self._services |= {service.id: service for service in services}
        template = next(each for each in self._source.contracts if each in templates)
        self._contracts.append(self._signed(template, name, country))

    def whole(self) -> Understood:
        """All of it, once services have been held against each other."""
        self._part_hosts()
        self._part_addresses()
        hosts = sorted({each.host for each in self._services.values() if each.host is not None})
        return Understood(
            clientele=Clientele(
                hosts=tuple(Host(id=host) for host in hosts),
                clients=tuple(self._clients.values()),
                contracts=tuple(self._contracts),
                services=tuple(self._services.values()),
            ),
            problems=tuple(self._problems),
            clients_left=frozenset(self._clients_left),
            services_left=frozenset(self._services_left),
            doubtful=frozenset(self._doubtful),
        )

    def _note(self, where: str, what: str) -> None:
        self._problems.append(Problem(where=where, what=what))

    def _product(self, rented: Rented) -> Product | None:
        for each in rented.products:
            if each in self._source.products:
                return self._source.products[each]
        names = " or ".join(quoted(each) for each in rented.products) or "its product"
        self._note(
            rented.said,
            f"{names} is not below products; say there what it is, or `ignored`: it is left out",
        )
        self._services_left.add(self._id(rented))
        return None

    def _id(self, rented: Rented) -> str:
        return f"{self._source.name}-{rented.ref}".lower().replace("_", "-")

    def _service(self, rented: Rented, client: str, product: Product) -> Service | None:
        name = self._id(rented)
        twice = name in self._said
        self._said.setdefault(name, rented.said)
        own = product.kind.account_is_the_clients_own
        try:
            host = rented.server if own else rented.hostname if product.agent else ""
            service = Service(
                id=identifier(name),
                client=client,
                kind=product.kind,
                host=identifier(host.lower().rstrip(".")) if host else None,
                account=(rented.account or None) if own else None,
                addresses=self._addresses(rented),
            )
            if twice:
                raise _Bad("it is listed twice; only the first counts")
            if faults := list(unfit(product.kind, _given(service))):
                raise _Bad(f"it {' and '.join(faults)}")
            return service
        except ValueError as error:
            self._note(rented.said, f"{error}: the service is left out")
            self._services_left.add(name)
            return None

    def _addresses(self, rented: Rented) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for each in rented.addresses:
            try:
                found[str(prefix(each))] = None
            except ValueError as error:
                self._note(rented.said, f"{error}: the address is left out")
        return tuple(found)

    def _country(self, listed: Listed) -> Country:
        name = listed.country or self._source.country
        if name is None:
            raise _Bad("no country is told; write one there, or `country:` in the source's file")
        if name not in self._source.countries:
            known = self._source.countries
            raise _Bad(
                f"country {quoted(name)} is not below countries; say there how its clients are "
                f"written to, or correct it ({instead(name, known)})"
            )
        return self._source.countries[name]

    def _made(self, listed: Listed, name: str, country: Country) -> Client:
        if name in self._clients:
            raise _Bad("it is listed twice; only the first counts")
        called = " ".join(listed.name.split())[:200]
        if not called or not called.isprintable():
            raise _Bad("there is no name that could stand in a letter; write one there")
        if not listed.contact:
            raise _Bad("there is no mail address to write to; write one there")
        number = None
        try:
            number = phone(listed.phone) if listed.phone else None
        except ValueError as error:
            self._note(listed.said, f"{error}: the client comes without it")
        return Client(
            id=identifier(name),
            name=called,
            kind=self._source.companies if listed.company else self._source.persons,
            language=country.language,
            contacts=(contact(listed.contact),),
            phone=number,
            billing=_account(self._source.billing, listed.ref),
        )

    def _signed(self, template: str, client: str, country: Country) -> Signed:
        signed = self._source.contracts[template]
        contract = replace(
            signed.contract,
            id=f"{client}-{template}",
            client=client,
            jurisdiction=country.jurisdiction or signed.contract.jurisdiction,
        )
        return replace(signed, contract=contract)

    # --- services against each other --------------------------------------------------------------

    def _part_hosts(self) -> None:
        """A measure on a managed server holds all that its host sends: it is one client's alone."""
        on_host: defaultdict[str, list[Service]] = defaultdict(list)
        for service in self._services.values():
            if service.host is not None:
                on_host[service.host].append(service)
        for host, services in on_host.items():
            clients = {service.client for service in services}
            if len(clients) == 1:
                continue
            for service in services:
                if not service.kind.account_is_the_clients_own:
                    self._note(
                        self._said[service.id],
                        f"it is {service.kind} on {host}, where other clients are too: a measure "
                        "would hold their mail; give each server a host name of its own: the "
                        "service is left out",
                    )
                    self._services_left.add(service.id)
                    del self._services[service.id]

    def _part_addresses(self) -> None:
        """Nobody can say whose an address is that two have: it stays whose it was."""
        given = [
            (prefix(address), service.id)
            for service in self._services.values()
            for address in service.addresses
        ]
        for one, other in _overlaps(given):
            self._doubtful |= {str(one[0]), str(other[0])}
            self._note(
                self._said[one[1]],
                f"{one[0]} is also in {other[0]} of {self._said[other[1]]}; correct one of them: "
                "the address stays with whoever has it",
            )
        for service in list(self._services.values()):
            sure = tuple(each for each in service.addresses if each not in self._doubtful)
            self._services[service.id] = replace(service, addresses=sure)


def _account(backend: str | None, number: str) -> Account | None:
    return None if backend is None else Account(backend=backend, id=number)


def _given(service: Service) -> set[str]:
    return {word for word in ("host", "account", "addresses") if getattr(service, word)}


def _overlaps(
    given: Sequence[tuple[Prefix, str]],
) -> Iterable[tuple[tuple[Prefix, str], tuple[Prefix, str]]]:
    """Each prefix that lies in another, with the widest of those."""
    wide: tuple[Prefix, str] | None = None
    order = sorted(given, key=lambda each: (*in_order(each[0]), each[1]))
    for each in order:
        if wide is not None and within(each[0], wide[0]):
            yield each, wide
        else:
            wide = each
