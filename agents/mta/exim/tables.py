"""The small files that Exim looks up at every message: which measure concerns which sender."""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agents.mta.exim.fragments import AUTHENTICATED_ONLY, RATES, ROUTES
from agents.mta.port import CannotCarryOut
from agents.outbound import HOLDS, in_order
from agents.smarthosts.port import Login, Smarthost
from domain.hosts import Desired
from domain.measures import Measure, Scope

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_SERVER = "*"
"""The key that `lsearch*` finds for every sender without a line of its own, bounces included."""
_HEAD = "# Written by the Plazo host agent; changes are undone.\n"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Each live file's text; None for one that must not be there."""

    routes: str | None
    rates: str | None
    authenticated_only: str | None

    def files(self, folder: Path) -> dict[Path, str | None]:
        return {
            folder / ROUTES: self.routes,
            folder / RATES: self.rates,
            folder / AUTHENTICATED_ONLY: self.authenticated_only,
        }


def tables(in_force: Iterable[Desired], smarthosts: dict[str, Smarthost]) -> Tables:
    """The files for these measures, of which `smarthosts` has the redirects' by measure key.

    Raises CannotCarryOut.
    """
    measures = in_order(in_force)
    routes: dict[str, str] = {}
    for measure in measures:
        if measure.restriction.measure in HOLDS:
            to = "hold"
        elif measure.restriction.measure is Measure.SMARTHOST_REDIRECT:
            to = route(smarthosts[measure.key])
        else:
            continue
        for key in _keys(measure):
            routes.setdefault(key, to)
    only = any(m.restriction.measure is Measure.REQUIRE_AUTHENTICATED_SMTP for m in measures)
    return Tables(
        routes=_text(_widened(routes)),
        rates=_text(_rates(measures)),
        authenticated_only=_HEAD if only else None,
    )


def logins_of(smarthosts: Iterable[Smarthost]) -> dict[str, Login]:
    """The logins by host, of those that have one."""
    return {each.host: each.login for each in smarthosts if each.login and each.login.user}


def login_lines(by_host: dict[str, Login]) -> str | None:
    """The text of the file of logins: Exim reads the words as they are, whatever is in them."""
    return _text(
        {host: f"{_base64(each.user)}/{_base64(each.secret)}" for host, each in by_host.items()}
    )


def _widened(routes: dict[str, str]) -> dict[str, str]:
    """A held server holds every domain, those with a smarthost of their own too."""
    if routes.get(_SERVER) == "hold":
        return {_SERVER: "hold"}
    return routes


def _rates(measures: Iterable[Desired]) -> dict[str, str]:
    """The lowest limit for each key. A measure's targets are counted together."""
    found: dict[str, tuple[int, str]] = {}
    for measure in measures:
        if measure.restriction.measure is not Measure.RATE_LIMIT:
            continue
        limit = measure.hourly_limit
        if limit is None or not 0 <= limit < 10**9:
            raise CannotCarryOut(f"rate_limit: {limit} is no number of messages an hour")
        name = hashlib.sha256(measure.key.encode()).hexdigest()[:16]
        line = f"{limit}/{name}"
        for key in _keys(measure):
            found[key] = min(found.get(key, (limit, line)), (limit, line))
    return {key: line for key, (_, line) in found.items()}


def route(smarthost: Smarthost) -> str:
    """`relay/HOST:PORT/login/FIELD,FIELD`, as the fragments take it apart."""
    host = f"[{smarthost.host}]" if ":" in smarthost.host else smarthost.host
    login = "login" if smarthost.tls_required else ""
    return f"relay/{host}:{smarthost.port}/{login}/{','.join(smarthost.identity_headers)}"


def _keys(measure: Desired) -> list[str]:
    if measure.restriction.scope is Scope.SERVER:
        return [_SERVER]
    return [_domain(target) for target in measure.restriction.targets]


def _domain(target: str) -> str:
    if _DOMAIN.fullmatch(target.lower()) is None:
        raise CannotCarryOut(f'"{target}" is no domain name in ASCII letters')
    return target.lower()


def _text(lines: dict[str, str]) -> str | None:
    """As an `lsearch` lookup reads it (The Exim Specification, "Single-key lookup types")."""
    if not lines:
        return None
    keys = {key: f'"{key}"' if ":" in key else key for key in lines}
    return _HEAD + "".join(f"{keys[key]}: {value}\n" for key, value in lines.items())


def _base64(word: str) -> str:
    return base64.b64encode(word.encode()).decode()
