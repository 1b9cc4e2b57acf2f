"""Clients as another program lists them, in that program's words (activities/directories/)."""

from dataclasses import dataclass

from domain.clientele.file import Clientele


@dataclass(frozen=True, kw_only=True)
class Rented:
    """One thing that a client rents, in the other program's words; `said` is how it is called."""

    ref: str
    said: str
    products: tuple[str, ...]
    """Names that may be in the source's table, the most particular first."""
    hostname: str = ""
    server: str = ""
    """The shared server that an account is on."""
    account: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One client."""

    ref: str
    said: str
    name: str
    company: bool
    contact: str
    phone: str = ""
    country: str = ""
    """ISO 3166-1, or "" where it is not told."""
    rented: tuple[Rented, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is bad in the other program, and what to do about it."""

    where: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What could be understood, and what not."""

    clientele: Clientele
    problems: tuple[Problem, ...] = ()
    clients_left: frozenset[str] = frozenset()
    services_left: frozenset[str] = frozenset()
    """Those that are left out, and so stay in the book as they are."""
    doubtful: frozenset[str] = frozenset()
    """Addresses that stay with whoever has them."""
