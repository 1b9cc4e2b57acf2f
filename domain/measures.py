"""The measures: a closed set, all outbound, all reversible. What is not here cannot be done."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.parties import ServiceKind


class Measure(StrEnum):
    """Everything that the provider can do to a service's outgoing mail."""

    RATE_LIMIT = "rate_limit"
    SMARTHOST_REDIRECT = "smarthost_redirect"
    HOLD_DOMAIN = "hold_domain"
    HOLD_SERVER = "hold_server"
    BLOCK_PORT25 = "block_port25"
    SUSPEND_ACCOUNT_SMTP = "suspend_account_smtp"
    REQUIRE_AUTHENTICATED_SMTP = "require_authenticated_smtp"


class Scope(StrEnum):
    """What a measure takes hold of. A sub-client's account is not among them, on purpose."""

    DOMAIN = "domain"
    SERVER = "server"
    ADDRESS = "address"
    ACCOUNT = "account"


CONTAINMENT = (Measure.RATE_LIMIT, Measure.SMARTHOST_REDIRECT)
"""Measures gentle enough for minute zero, while the deadline runs: mail still flows."""

_EITHER = (Scope.DOMAIN, Scope.SERVER)
SCOPES: dict[Measure, tuple[Scope, ...]] = {
    Measure.RATE_LIMIT: _EITHER,
    # At the edge, where there is no mail host to do it on.
    Measure.SMARTHOST_REDIRECT: (*_EITHER, Scope.ADDRESS),
    Measure.HOLD_DOMAIN: (Scope.DOMAIN,),
    Measure.HOLD_SERVER: (Scope.SERVER,),
    Measure.BLOCK_PORT25: (Scope.ADDRESS,),
    Measure.SUSPEND_ACCOUNT_SMTP: (Scope.ACCOUNT,),
    Measure.REQUIRE_AUTHENTICATED_SMTP: (Scope.SERVER,),
}
"""The scopes of each measure, the narrowest first."""

_MANAGED = (
    Measure.RATE_LIMIT,
    Measure.SMARTHOST_REDIRECT,
    Measure.HOLD_DOMAIN,
    Measure.HOLD_SERVER,
    Measure.REQUIRE_AUTHENTICATED_SMTP,
    Measure.BLOCK_PORT25,
)
_ALLOWED: dict[ServiceKind, tuple[Measure, ...]] = {
    ServiceKind.SHARED: (Measure.SUSPEND_ACCOUNT_SMTP,),
    ServiceKind.RESELLER: (Measure.SUSPEND_ACCOUNT_SMTP,),
    ServiceKind.MANAGED_VPS: _MANAGED,
    ServiceKind.MANAGED_DEDICATED: _MANAGED,
    ServiceKind.MANAGED_CLOUD: _MANAGED,
    ServiceKind.UNMANAGED: (Measure.BLOCK_PORT25,),
}


def allowed(kind: ServiceKind) -> tuple[Measure, ...]:
    """The measures that a service of this kind admits at all, whatever its contract says."""
    return _ALLOWED[kind]


def can_be_aimed_at(target: str) -> bool:
    """Whether a name is one word: it ends up in the tables of mail servers, a line each."""
    return target.isprintable() and " " not in target


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """One measure on its targets: `hold_domain` on shop.example, `block_port25` on 192.0.2.7."""

    measure: Measure
    scope: Scope
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.scope not in SCOPES[self.measure]:
            wanted = " or ".join(SCOPES[self.measure])
            raise ValueError(f"{self.measure} takes hold of a {wanted}, not of a {self.scope}")
        if not self.targets or not all(self.targets):
            raise ValueError(f"{self.measure} needs the {self.scope} that it takes hold of")
        if not all(map(can_be_aimed_at, self.targets)):
            raise ValueError(f"a {self.scope} has no spaces and no control characters")

    def __str__(self) -> str:
        return f"{self.measure} on {self.scope} {', '.join(self.targets)}"

    def on(self, addresses: Iterable[str], domains: Iterable[str]) -> "Restriction":
        """The same, with these among its targets as far as it takes hold of such."""
        more = {Scope.ADDRESS: addresses, Scope.DOMAIN: domains}.get(self.scope, ())
        known = {target.lower() for target in self.targets}
        new = sorted({each for each in more if can_be_aimed_at(each) and each.lower() not in known})
        return replace(self, targets=(*self.targets, *new))
