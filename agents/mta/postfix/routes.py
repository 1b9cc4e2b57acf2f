"""What the measures in force mean for the queue manager: two tables, and transports of our own.

`held` lists the senders whose mail to other hosts is held, `senders` where that of others goes. The
first line that fits a sender decides. Both are of type regexp, which is built into every Postfix,
needs no postmap, and can say "every sender" after "this domain". How they are looked up is in
agents/mta/postfix/resolver.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from agents.mta.port import CannotCarryOut
from agents.outbound import HOLDS, concerns, in_order
from agents.smarthosts.port import Smarthost
from domain.hosts import Desired
from domain.measures import Measure, Scope

LIMIT = "plazo-limit"
"""Delivers as the server's own transport does, but only what `postqueue -i` names."""
RELAY = "plazo-smarthost"
LIMITED_RELAY = "plazo-limit-smarthost"
LIMIT_OF = "plazo-limit-of-"

STOPPED = ("address resolver failure", "deferred transport")
"""The queue manager's reasons, in the queue and in the log, for mail that a hold or a limit stops.
"""

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_WRITTEN = "# Written by the Plazo host agent; changes are undone. Held mail: postqueue -p"
_EVERYBODY = ""


class Reach(Enum):
    """Whose routes are ours."""

    NOBODY = ()
    DOMAINS = ("domains",)
    DOMAINS_AND_LIMITED = ("domains", "limits")
    """Some domains are redirected or limited, and everybody is limited."""
    LIMITED = ("limits",)
    REDIRECTED = ("redirects",)
    """Everybody is, whatever becomes of domains besides."""

    @property
    def by_domain(self) -> bool:
        return "domains" in self.value

    @property
    def limits_all(self) -> bool:
        return "limits" in self.value

    @property
    def redirects_all(self) -> bool:
        return "redirects" in self.value


@dataclass(frozen=True, kw_only=True)
class Own:
    """What of the server's own configuration the routes go by."""

    hostname: str = ""
    usual: str = ""
    """Where transport_maps leads every destination ("*"), if that is to other hosts by SMTP."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The files' text, and the transports that they name."""

    held: str = ""
    senders: str = ""
    logins: str = field(default="", repr=False)
    """A table of texthash: `[HOST]:PORT USER:SECRET`, as in smtp_sasl_password_maps."""
    policies: str = ""
    """A table of texthash: `[HOST]:PORT LEVEL`, as in smtp_tls_policy_maps."""
    headers: str = ""
    """A table for smtp_header_checks: fields that say who sent a message, and anybody can write."""
    transports: frozenset[str] = frozenset()
    reach: Reach = Reach.NOBODY

    @property
    def empty(self) -> bool:
        return not (self.held or self.senders)


def planned(
    in_force: Iterable[Desired], smarthosts: Mapping[str, Smarthost], server: Own | None = None
) -> Plan:
    """Decide for every sender that a measure names, and for all others.

    `smarthosts` has that of each redirect, by measure key. Raises CannotCarryOut.
    """
    measures, server = tuple(in_force), server or Own()
    reach = _reach(measures)
    usual = server.usual if reach.by_domain else ""
    held, senders, transports = [], [], set()
    for domain in (*_named(measures), _EVERYBODY):
        pattern = f"/@{domain.replace('.', '[.]')}$/" if domain else "/^/"
        concerned = [each for each in measures if _reaches(each, domain)]
        if any(each.restriction.measure in HOLDS for each in concerned):
            held.append(f"{pattern} held")
        transport, hop = _route(concerned, smarthosts, usual)
        if transport:
            transports.add(transport)
            senders.append(f"{pattern} {transport}:{hop}")
        elif usual and not domain:
            senders.append(f"{pattern} {usual}")
    logged_in = [each for each in smarthosts.values() if each.login is not None]
    return Plan(
        held=_table(held),
        senders=_table(senders),
        logins=_table({f"{next_hop(each)} {_login(each)}" for each in logged_in}),
        policies=_table({f"{next_hop(each)} secure" for each in logged_in}),
        headers=_table(
            [
                line
                for name in sorted({n for s in smarthosts.values() for n in s.identity_headers})
                for line in _identity(name, server.hostname)
            ]
        ),
        transports=frozenset(transports),
        reach=reach,
    )


def limit_of(transport: str) -> str:
    """The limited clone of a transport of the server's own, other than the usual one."""
    return f"{LIMIT_OF}{transport}"


def _reach(measures: tuple[Desired, ...]) -> Reach:
    routing = [
        each.restriction
        for each in measures
        if each.restriction.measure in (Measure.RATE_LIMIT, Measure.SMARTHOST_REDIRECT)
    ]
    of_all = {each.measure for each in routing if each.scope is Scope.SERVER}
    if Measure.SMARTHOST_REDIRECT in of_all:
        return Reach.REDIRECTED
    some = any(each.scope is Scope.DOMAIN for each in routing)
    if of_all:
        return Reach.DOMAINS_AND_LIMITED if some else Reach.LIMITED
    return Reach.DOMAINS if some else Reach.NOBODY


def _identity(name: str, hostname: str) -> list[str]:
    """A field says who sent a message, by what this server itself wrote on top of it: the user that
    authenticated (with `smtpd_sasl_authenticated_header`), or the one who ran sendmail.

    One that the message came with is removed: anybody can write it.
    """
    here = re.escape(hostname)
    return [
        f"/^{name}:/ IGNORE",
        r"/^Received: .*[(]Authenticated sender: ([^()[:space:]]+)[)].*"
        rf"[[:space:]]by {here} [(][^()]*[)][[:space:]]/ PREPEND {name}: $1",
        rf"/^Received: by {here} [(][^()]*, from userid ([0-9]+)[)]/ PREPEND {name}: uid-$1",
    ]


def next_hop(smarthost: Smarthost) -> str:
    """As Postfix wants it: in brackets, so that no MX is looked up."""
    return f"[{smarthost.host}]:{smarthost.port}"


def _named(measures: Iterable[Desired]) -> list[str]:
    return sorted(
        {
            _domain(target)
            for each in measures
            if each.restriction.scope is Scope.DOMAIN
            for target in each.restriction.targets
        }
    )


def _reaches(measure: Desired, domain: str) -> bool:
    if measure.restriction.measure is Measure.REQUIRE_AUTHENTICATED_SMTP:
        return False
    return concerns(measure.restriction, f"@{domain}")


def _route(
    concerned: list[Desired], smarthosts: Mapping[str, Smarthost], usual: str
) -> tuple[str, str]:
    """A transport and its next hop; ("", "") where the server's own decide."""
    redirects = [
        each for each in concerned if each.restriction.measure is Measure.SMARTHOST_REDIRECT
    ]
    through = next(iter(in_order(redirects)), None)
    limited = any(each.restriction.measure is Measure.RATE_LIMIT for each in concerned)
    if through is None:
        return (LIMIT, usual.partition(":")[2]) if limited else ("", "")
    return LIMITED_RELAY if limited else RELAY, next_hop(smarthosts[through.key])


def _login(smarthost: Smarthost) -> str:
    assert smarthost.login is not None
    if ":" in smarthost.host:
        raise CannotCarryOut(
            f"{next_hop(smarthost)} has a login, and Postfix checks certificates by name only; "
            "give the smarthost by its name"
        )
    return f"{smarthost.login.user}:{smarthost.login.secret}"


def _domain(target: str) -> str:
    if _DOMAIN.fullmatch(target.lower()) is None:
        raise CannotCarryOut(f'"{target}" is no domain name in ASCII letters')
    return target.lower()


def _table(lines: Iterable[str]) -> str:
    found = sorted(lines) if isinstance(lines, set) else list(lines)
    return "\n".join([_WRITTEN, *found, ""]) if found else ""
