"""The queue manager's own resolver: where the measures take hold of every message in the queue.

The queue manager asks trivial-rewrite(8) for the route of each recipient at each attempt, for mail
by SMTP and by the sendmail command alike, and for what waits in the queue already. While a measure
is in force it asks an instance of its own, `plazo-rewrite`, whose setting for senders
(`sender_dependent_default_transport_maps`, postconf(5)) begins with our tables. That setting
concerns only destinations that are not the host's own: inbound mail goes on.

A held sender's lookup ends in an error on purpose (the table type `fail`), so that the recipient is
deferred. A route of its own would do for most mail, but transport_maps(5) overrides routes; it is
never asked after an error. smtpd(8) and cleanup(8) go on with the server's own `rewrite`, so that
no sender is refused and nothing of an administrator's is replaced.

Nothing here needs the agent to run. Tables of these types are read at the start of a process:
every change ends with `postfix reload`, which takes some 30 ms and sends what is being delivered
through the tables. It would be two seconds after a change of main.cf, which is not changed.
"""

import re
from pathlib import Path

from agents.files import replace_file
from agents.mta.port import CannotCarryOut
from agents.mta.postfix.commands import Commands
from agents.mta.postfix.destinations import COPY, Destinations, Routing, beyond, destinations
from agents.mta.postfix.destinations import SETTING as DESTINATIONS
from agents.mta.postfix.routes import LIMIT, LIMIT_OF, LIMITED_RELAY, RELAY, Plan, limit_of
from agents.mta.postfix.services import Services
from agents.smarthosts.port import Login

SETTING = "sender_dependent_default_transport_maps"
_REWRITE = "plazo-rewrite"
_QMGR = "qmgr/unix"
_OURS = (f"{_REWRITE}/unix", f"{LIMIT}/unix", f"{RELAY}/unix", f"{LIMITED_RELAY}/unix")
_HELD, _SENDERS = "plazo-held.regexp", "plazo-senders.regexp"
_LOGINS, _POLICIES = "plazo-smarthost-logins", "plazo-smarthost-tls"
_HEADERS = "plazo-smarthost-headers.regexp"
_FILES = (_HELD, _SENDERS, _LOGINS, _POLICIES, _HEADERS)
_AUTHENTICATED = "smtpd_sasl_authenticated_header"
_CERTIFICATES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/cert.pem"))
"""Debian's and Red Hat's, for a main.cf that names none."""
_READ = (
    SETTING, "default_transport", "defer_transports", "smtp_header_checks", "smtp_tls_CAfile",
    "smtp_tls_CApath",
)  # fmt: skip


class Resolver:
    """Brings the files beside main.cf, and our part of master.cf, to what is planned."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._loaded: Plan | None = None
        """What Postfix has read for certain; nothing after a start, so it is told once more."""

    async def set(self, plan: Plan, found: Routing) -> None:
        """Have this plan decide. Nothing is left of us when it is empty. Raises PostfixFailed."""
        if plan.empty:
            await self._leave()
        else:
            await self._enter(plan, found)
        self._loaded = plan

    async def beyond(self, plan: Plan, found: Routing) -> str:
        """What a route of ours does not reach, or the smarthost is not told."""
        parts = [beyond(found, plan)]
        if plan.headers and await self._commands.setting(_AUTHENTICATED) != "yes":
            parts.append(f"the smarthost learns no authenticated users without {_AUTHENTICATED}")
        return "; ".join(filter(None, parts))

    def login(self, host: str, port: int) -> Login | None:
        """The one that is in use for a smarthost."""
        table = self._file(_LOGINS)
        for line in table.read_text().splitlines() if table.exists() else ():
            hop, _, login = line.partition(" ")
            if hop == f"[{host}]:{port}":
                user, _, secret = login.partition(":")
                return Login(user=user, secret=secret)
        return None

    async def _enter(self, plan: Plan, found: Routing) -> None:
        services = await Services.read(self._commands)
        theirs = await self._commands.settings(*_READ)
        client = _client(services, theirs["default_transport"])
        where = destinations(found, plan, client)
        changed = [
            # The resolver names both: it would defer everybody's mail if one were missing.
            self._write(_HELD, plan.held or "\n"),
            self._write(_SENDERS, plan.senders or "\n"),
            self._write(_LOGINS, plan.logins, mode=0o600),
            self._write(_POLICIES, plan.policies),
            self._write(_HEADERS, plan.headers),
            *(self._write(name, text) for name, text in where.files.items()),
        ]
        _see_that_nothing_is_overwritten(services)
        lines = self._lines(plan, where, services, theirs)
        settings = {
            "rewrite_service_name": _REWRITE,
            "defer_transports": _deferred(plan, where, theirs["defer_transports"]),
        }
        # In one step, or the queue manager could ask a service that is not there yet.
        changed.append(await services.put(lines | {_QMGR: services.having(_QMGR, settings)}))
        if any(changed) or self._loaded != plan:
            self._loaded = None
            await self._commands.reload()
        left = (*_OURS, *services.beginning(LIMIT_OF))
        await services.drop(*(name for name in left if name not in lines))
        for file in self._copies():
            if file.name not in where.files:
                file.unlink(missing_ok=True)

    async def _leave(self) -> None:
        services = await Services.read(self._commands)
        asked = services.setting(_QMGR, "rewrite_service_name") == _REWRITE
        files = [each for each in map(self._file, _FILES) if each.exists()] + self._copies()
        if asked:
            settings = {"rewrite_service_name": None, "defer_transports": None}
            await services.put({_QMGR: services.having(_QMGR, settings)})
        if asked or files:
            # Before the service goes, whose absence the queue manager would wait out. The files
            # go last, so that one which was cut off here tells Postfix once more.
            await self._commands.reload()
        await services.drop(*_OURS, *services.beginning(LIMIT_OF))
        for each in files:
            each.unlink(missing_ok=True)

    def _write(self, name: str, text: str, mode: int = 0o644) -> bool:
        file = self._file(name)
        found = file.read_text() if file.exists() else ""
        if found == text and (not text or file.stat().st_mode & 0o777 == mode):
            return False
        if text:
            replace_file(file, text, mode)
        else:
            file.unlink()
        return True

    def _copies(self) -> list[Path]:
        return list(self._commands.config_dir.glob(f"{COPY}-*"))

    def _file(self, name: str) -> Path:
        return self._commands.config_dir / name

    def _lines(
        self, plan: Plan, where: Destinations, services: Services, theirs: dict[str, str]
    ) -> dict[str, str]:
        ours = f"pipemap:{{{_map('regexp', _HELD)}, fail:plazo-hold}}, {_map('regexp', _SENDERS)}"
        routes = ", ".join(filter(None, (ours, theirs[SETTING])))
        client = _client(services, theirs["default_transport"])
        relay = _relay(plan, theirs)
        settings = {SETTING: routes}
        if where.setting:
            settings[DESTINATIONS] = where.setting
        lines = {_REWRITE: services.like("rewrite", _REWRITE, settings)}
        for each in where.limited:
            lines[limit_of(each)] = services.like(each, limit_of(each), {})
        for name in plan.transports | ({LIMIT} if plan.reach.limits_all else set()):
            lines[name] = services.like(client, name, {} if name == LIMIT else relay)
        return {f"{name}/unix": line for name, line in lines.items()}


def _map(kind: str, name: str) -> str:
    return f"{kind}:$config_directory/{name}"


def _client(services: Services, default_transport: str) -> str:
    """The service that delivers to other hosts, as far as it speaks SMTP."""
    usual = default_transport.partition(":")[0]
    return usual if services.command(f"{usual}/unix") == "smtp" else "smtp"


def _relay(plan: Plan, theirs: dict[str, str]) -> dict[str, str]:
    """How the client speaks to a smarthost.

    What that refuses waits: it is the word of a filter or of a login, for the provider to mend.
    """
    settings = {"soft_bounce": "yes"}
    if plan.headers:
        checks = (_map("regexp", _HEADERS), theirs["smtp_header_checks"])
        settings["smtp_header_checks"] = ", ".join(filter(None, checks))
    if not plan.logins:
        return settings
    settings |= {
        "smtp_sasl_auth_enable": "yes",
        "smtp_sasl_password_maps": _map("texthash", _LOGINS),
        "smtp_sasl_tls_security_options": "noanonymous",
        "smtp_tls_policy_maps": _map("texthash", _POLICIES),
    }
    known = [str(each) for each in _CERTIFICATES if each.exists()]
    if known and not (theirs["smtp_tls_CAfile"] or theirs["smtp_tls_CApath"]):
        settings["smtp_tls_CAfile"] = known[0]
    return settings


def _deferred(plan: Plan, where: Destinations, theirs: str) -> str | None:
    """Limited mail waits in the queue until somebody asks for it by its queue id."""
    ours = {LIMIT} if plan.reach.limits_all else set()
    limited = sorted(
        plan.transports & {LIMIT, LIMITED_RELAY} | ours | set(map(limit_of, where.limited))
    )
    if not limited:
        return None
    return ",".join([*limited, *(each for each in re.split(r"[\s,]+", theirs) if each)])


def _see_that_nothing_is_overwritten(services: Services) -> None:
    """What an administrator has given the queue manager for itself could not be put back."""
    if services.setting(_QMGR, "rewrite_service_name") == _REWRITE:
        return
    for name in ("rewrite_service_name", "defer_transports"):
        if services.setting(_QMGR, name) is not None:
            raise CannotCarryOut(f"master.cf gives qmgr a {name} of its own; move it to main.cf")
