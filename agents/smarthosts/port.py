"""What a mail server has to know to send through a smarthost, and how a kind of them is found.

The address of a smarthost is `HOST:PORT`, any SMTP relay, or `KIND:HOST:PORT`, a service that wants
something of those who send through it. It travels as `Desired.smarthost`, and no secret with it:
the login lies on the mail host, in a file that the provider put there.

A new kind is one new file in this folder that calls `register`. A mail server's file turns a
`Smarthost` into its own configuration and needs to know no kind.
"""

import importlib
import ipaddress
import os
import pkgutil
import re
import stat
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import agents.smarthosts
from agents.mta.port import CannotCarryOut
from domain.hosts import Desired

PLAIN = "relay"
"""The kind of an address that names none: whatever relays mail for us."""

LOGINS = "smarthosts"
"""The folder in the agent's state directory that has a login, one file for each smarthost."""

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    r"((?P<kind>[a-z][a-z0-9]{1,30}):)?"
    rf"((?P<name>(?=.{{1,253}}:){_LABEL}(\.{_LABEL})*)|\[(?P<ip>[0-9A-Fa-f:.]{{2,45}})\])"
    r":(?P<port>[0-9]{1,5})"
)
_LOGIN = re.compile(r"(?P<user>[!-9;-~]{1,200}):(?P<secret>[!-~]{1,200})")
"""One line of printable ASCII without spaces, so that it means the same in every mail server."""


class NoLogin(Exception):
    """The smarthost's login is not where it has to be; put it there, and it is tried again."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A name and a secret for SMTP AUTH (RFC 4954)."""

    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Smarthost:
    """How mail is handed to one smarthost.

    With a login, the mail server authenticates with it and TLS is required: the certificate must be
    valid for `host`, or the mail waits. Without one, TLS is used as the mail server uses it with
    any other host. What a smarthost does not take for now, or cannot take, waits in the queue.
    """

    kind: str
    host: str
    """A name or an IP address, without brackets. The mail server looks up no MX for it."""
    port: int
    login: Login | None = None
    identity_headers: tuple[str, ...] = ()
    """Header fields to add on the way there, each with who sent the message as its value: the user
    that authenticated, else the envelope sender. A field of that name that the message came with
    is removed, because its sender could accuse somebody else."""

    @property
    def tls_required(self) -> bool:
        """No login ever goes over a connection that others can read, or to somebody else."""
        return self.login is not None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a kind of smarthost wants of those who send through it."""

    needs_login: bool = False
    identity_headers: tuple[str, ...] = ()


_kinds: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    """Make `name:HOST:PORT` an address; `PLAIN` is what an address without a name is."""
    _kinds[name] = kind


def check_address(address: str) -> str:
    """The address as it is. Raises ValueError that says what to write instead."""
    _parsed(address)
    return address


def host_and_port(address: str) -> tuple[str, int]:
    """Where the address leads: in a log this is how its deliveries are known. Raises ValueError."""
    _, _, host, port = _parsed(address)
    return host, port


def smarthost(measure: Desired, state_dir: Path) -> Smarthost:
    """The smarthost of a `smarthost_redirect`.

    Its login is `USER:SECRET`, one line in `state_dir/smarthosts/HOST`, mode 0600. Raises
    CannotCarryOut for an address that is none, NoLogin where the file is missing or unsafe.
    """
    try:
        name, kind, host, port = _parsed(measure.smarthost or "")
    except ValueError as error:
        raise CannotCarryOut(str(error)) from error
    return Smarthost(
        kind=name,
        host=host,
        port=port,
        login=_login(state_dir / LOGINS / host, needed=kind.needs_login),
        identity_headers=kind.identity_headers,
    )


@cache
def _load() -> None:
    """Import every file of this folder, once: an address is parsed for each line of a log."""
    for module in pkgutil.iter_modules(agents.smarthosts.__path__, "agents.smarthosts."):
        importlib.import_module(module.name)


def _parsed(address: str) -> tuple[str, Kind, str, int]:
    _load()
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 65_536 or not _is_ip(match["ip"]):
        raise ValueError(f'"{address}" is no smarthost; expected HOST:PORT or KIND:HOST:PORT')
    name = match["kind"] or PLAIN
    if name not in _kinds:
        known = ", ".join(sorted(_kinds))
        raise ValueError(f'"{address}": no smarthost is of kind "{name}"; known: {known}')
    return name, _kinds[name], (match["name"] or match["ip"]).lower(), int(match["port"])


def _is_ip(between_brackets: str | None) -> bool:
    try:
        return between_brackets is None or bool(ipaddress.IPv6Address(between_brackets))
    except ValueError:
        return False


def _login(file: Path, *, needed: bool) -> Login | None:
    try:
        # Opened once: what was checked is what is read.
        with file.open() as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            line = opened.read(500).strip("\n")
    except FileNotFoundError:
        if needed:
            raise NoLogin(f"{file} is missing; put USER:SECRET there, mode 0600") from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise NoLogin(f"{file} cannot be read ({type(error).__name__}); mend it") from error
    if mode & 0o077:
        raise NoLogin(f"{file} can be read by others; chmod 600 it, and change the secret")
    match = _LOGIN.fullmatch(line)
    if match is None:
        raise NoLogin(f"{file} is not one line USER:SECRET of ASCII without spaces; rewrite it")
    return Login(user=match["user"], secret=match["secret"])
