"""Who is who: the provider's direct clients and the services that they rent.

A sub-client has no type here. The provider has no contract with them, so nothing can name them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.money.accounts import Account


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
    """Languages that notices are written in, by their ISO 639-1 code.

    Two come with the program. Another is a folder of `templates/notices` and needs no line here:
    its code is a language too, and what has no folder is refused when a client is imported.
    """

    EN = "en"
    ES = "es"

    @classmethod
    def _missing_(cls, value: object) -> "Language | None":
        if not isinstance(value, str) or re.fullmatch("[a-z]{2}", value) is None:
            return None
        other = str.__new__(cls, value)
        other._name_, other._value_ = value.upper(), value
        cls._value2member_map_[value] = other
        return other


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
    """Mail addresses: a notice goes to the first that can be reached."""
    phone: str | None = None
    channels: tuple[str, ...] = ()
    """Where notices also go: URLs of chats, SMS services, ticket systems. Some hold a secret."""
    billing: Account | None = None
    """Where this client is billed; None: as every other."""


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
