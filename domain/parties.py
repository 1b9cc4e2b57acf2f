"""Who is who: the provider's direct clients and the services that they rent.

A sub-client has no type here. The provider has no contract with them, so nothing can name them.
"""

from dataclasses import dataclass
from enum import StrEnum


class ServiceKind(StrEnum):
    """What is rented, which decides whose mailbox it was that sent."""

    SHARED = "shared"
    RESELLER = "reseller"
    MANAGED_VPS = "managed_vps"
    MANAGED_DEDICATED = "managed_dedicated"
    MANAGED_CLOUD = "managed_cloud"
    UNMANAGED = "unmanaged"

    @property
    def account_is_the_clients_own(self) -> bool:
        """On shared and reseller services the sending account is the direct client's."""
        return self in (ServiceKind.SHARED, ServiceKind.RESELLER)

    @property
    def deserves_a_call(self) -> bool:
        """A dedicated server or VPS always gets a phone call, managed or not by us."""
        return self in (
            ServiceKind.MANAGED_VPS,
            ServiceKind.MANAGED_DEDICATED,
            ServiceKind.UNMANAGED,
        )


class ClientKind(StrEnum):
    """Who rents it, which decides whether a notice is enough."""

    RESIDENTIAL = "residential"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"
    GOVERNMENT = "government"

    @property
    def deserves_a_call(self) -> bool:
        return self in (ClientKind.ENTERPRISE, ClientKind.GOVERNMENT)


class Language(StrEnum):
    """Languages that notices are written in."""

    EN = "en"
    ES = "es"


class Jurisdiction(StrEnum):
    """Whose law a notice cites."""

    ES = "ES"
    US = "US"


@dataclass(frozen=True, kw_only=True)
class Client:
    """A direct client: the only party that is acted upon or written to."""

    id: str
    name: str
    kind: ClientKind
    language: Language
    contacts: tuple[str, ...]
    """Mail addresses that every notice goes to."""
    phone: str | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server, account or address block that a direct client rents."""

    id: str
    client: str
    kind: ServiceKind
    host: str | None = None
    """The mail host whose agent carries out measures; None where there is none to speak to."""
    account: str | None = None
    """The direct client's own account, on shared and reseller services only."""
    addresses: tuple[str, ...] = ()
    """IPv4 and IPv6 prefixes in CIDR form."""
