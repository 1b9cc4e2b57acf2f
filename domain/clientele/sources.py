"""What `plazo clients sync FILE` reads first: where the clients are, and how to understand them.

    from: whmcs                    # or cpanel; which other program has the clients
    name: billing                  # in front of every id that comes from there
    address: https://billing.provider.example/includes/api.php
    key: /etc/plazo/whmcs.key      # the file with what opens it, mode 0600
    clients: {companies: business, persons: residential}
    countries:
      ES: {language: es}
      US: {language: en, jurisdiction: US}
    products:                      # by the name of a product, else of its group
      Managed VPS: {kind: managed_vps, contract: managed}
      Domain names: ignored
    contracts:                     # terms as in docs/example.yaml, one template for each sort
      managed: {clause: "7.3", jurisdiction: ES, deadline: 4h, ...}

No other program knows deadlines, measures and prices, so contracts are made of these templates. A
client with products of several templates gets the first of them in the order of the file.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import Node, ScalarNode

from domain.clientele.document import Field, Flawed, Notes, one, pairs, root_of, section
from domain.clientele.entries import flag, identifier, instead, member, quoted
from domain.clientele.signed import Signed, read_signed
from domain.parties import ClientKind, Jurisdiction, Language, ServiceKind

IGNORED = "ignored"
"""In place of a product's kind: nothing of it can send mail."""


@dataclass(frozen=True, kw_only=True)
class Country:
    """How clients of one country are written to, and whose law their contracts are under."""

    language: Language
    jurisdiction: Jurisdiction | None = None
    """None: the template's."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """What is rented under one product, and by which template."""

    kind: ServiceKind
    contract: str
    agent: bool = True
    """Whether an agent of ours runs on each such server, under the product's own host name."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One program that has clients, and how its words are understood."""

    kind: str
    name: str
    address: str
    key: str
    user: str = "root"
    """Whose token it is; WHM wants to know."""
    authority: str | None = None
    """A file with the certificates to trust, where its own is from no public authority."""
    country: str | None = None
    """Of clients of whom it is not told."""
    billing: str | None = None
    """The billing backend that knows them by the same ids; None: as every other client."""
    companies: ClientKind = ClientKind.BUSINESS
    persons: ClientKind = ClientKind.RESIDENTIAL
    countries: Mapping[str, Country] = field(default_factory=dict)
    products: Mapping[str, Product | None] = field(default_factory=dict)
    """None is a product that is ignored."""
    contracts: Mapping[str, Signed] = field(default_factory=dict)

    def owns(self, name: str) -> bool:
        """Whether something of the book came from here."""
        return name.startswith(f"{self.name}-")


def read_source(
    text: str,
    *,
    languages: Collection[Language] = tuple(Language),
    backends: Collection[str] = (),
) -> Source:
    """Read a whole file. Raises Unreadable with every mistake in it, by line.

    `languages` are those that there are letters in, `backends` those that bill.
    """
    notes = Notes()
    root = root_of(text)
    part = section(root, notes, _SOURCE, called="the file", at=root)
    for name, product in part.values.get("products", {}).items():
        known = part.values.get("contracts", {})
        if product is not None and "contracts" in part.values and product.contract not in known:
            notes.add(
                part.nodes["products"],
                f"{quoted(name)} is under contract {quoted(product.contract)}, which is not below "
                f"contracts; {instead(product.contract, known)}",
            )
    for name, country in part.values.get("countries", {}).items():
        if country.language not in languages:
            notes.add(
                part.nodes["countries"],
                f"there are no letters in {quoted(country.language)}, the language of {name}; "
                f"{instead(country.language, languages)}",
            )
    country = part.values.get("country")
    if country is not None and country not in part.values.get("countries", {country: None}):
        notes.add(part.nodes["country"], f"{country} is not below countries; add it there")
    backend = part.values.get("billing")
    if backend is not None and backend not in backends:
        words = instead(backend, backends)
        notes.add(part.nodes["billing"], f"unknown billing backend {quoted(backend)}; {words}")
    notes.settle()
    values = dict(part.values)
    return Source(kind=values.pop("from"), **values.pop("clients", {}), **values)


def _table(called: str, read: Any) -> Any:
    """A reader of `WORD: VALUE` lines."""

    def read_all(node: Node, notes: Notes) -> dict[str, Any]:
        found, whole = {}, True
        for name, key, value in pairs(node, notes, called):
            try:
                found[name] = read(name, key, value, notes)
            except Flawed:
                whole = False
        if not whole:
            raise Flawed
        if not found:
            raise notes.flaw(node, f"{called} has nothing in it; add a line")
        return found

    return read_all


def _country(name: str, key: Node, node: Node, notes: Notes) -> Country:
    if len(name) != 2 or not (name.isascii() and name.isalpha() and name.isupper()):
        raise notes.flaw(key, f"{quoted(name)} is no country; write its ISO 3166-1 code, as ES")
    part = section(node, notes, _COUNTRY, called=f"country {name}", at=key)
    if not part.whole:
        raise Flawed
    return Country(**part.values)


def _product(name: str, key: Node, node: Node, notes: Notes) -> Product | None:
    if isinstance(node, ScalarNode) and node.value == IGNORED:
        return None
    part = section(node, notes, _PRODUCT, called=f"product {quoted(name)}", at=key)
    if not part.whole:
        raise Flawed
    return Product(**part.values)


def _template(name: str, key: Node, node: Node, notes: Notes) -> Signed:
    try:
        identifier(name)
    except ValueError as error:
        raise notes.flaw(key, str(error)) from error
    signed, _ = read_signed(name, "template", key, node, notes)
    if signed is None:
        raise Flawed
    return signed


def _clients(node: Node, notes: Notes) -> dict[str, ClientKind]:
    part = section(node, notes, _CLIENTS, called="clients", at=node)
    if not part.whole:
        raise Flawed
    return part.values


def _address(words: str) -> str:
    if not words.startswith(("https://", "http://127.0.0.1:", "http://[::1]:")):
        raise ValueError(f"{quoted(words)} is not https://HOST; what it says must stay secret")
    return words.rstrip("/")


def _prefix(words: str) -> str:
    if len(identifier(words)) > 20:
        raise ValueError(f"{quoted(words)} is too long to stand in front of ids; use 20 letters")
    return words


_KIND = one(member(ClientKind, "kind"))
_CLIENTS = {
    "companies": Field(_KIND, "business", required=False),
    "persons": Field(_KIND, "residential", required=False),
}
_COUNTRY = {
    "language": Field(one(member(Language, "language")), "es"),
    "jurisdiction": Field(one(member(Jurisdiction, "jurisdiction")), "ES", required=False),
}
_PRODUCT = {
    "kind": Field(one(member(ServiceKind, "kind")), "managed_vps"),
    "contract": Field(one(str), "managed"),
    "agent": Field(one(flag), "true", required=False),
}
_SOURCE = {
    "from": Field(one(str), "whmcs"),
    "name": Field(one(_prefix), "billing"),
    "address": Field(one(_address), "https://billing.provider.example/includes/api.php"),
    "key": Field(one(str), "/etc/plazo/whmcs.key"),
    "user": Field(one(str), "root", required=False),
    "authority": Field(one(str), "/etc/plazo/whm-ca.pem", required=False),
    "country": Field(one(str), "ES", required=False),
    "billing": Field(one(str), "whmcs", required=False),
    "clients": Field(_clients, "{companies: business, persons: residential}", required=False),
    "countries": Field(_table("countries", _country), "{ES: {language: es}}"),
    "products": Field(
        _table("products", _product), "{Managed VPS: {kind: managed_vps, contract: managed}}"
    ),
    "contracts": Field(_table("contracts", _template), "{managed: {...}}"),
}
