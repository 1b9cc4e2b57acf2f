"""What most likely sent the spam, and on which platform, by the headers of what was reported.

A server's own lines say how a message came to it: by an authenticated login, by a program on the
machine, or from a stranger. Those are at the bottom of the part that can be believed; lines below
them may be forged, and lines above them are other servers'. So a `Received` line counts only if it
was written by the service's own server, which is the one after the line that names its address.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


class Cause(StrEnum):
    """What sent it, as far as the evidence tells."""

    LOGIN = "login"
    """An authenticated login: somebody has its secret."""
    SCRIPT = "script"
    """A program on the machine: a PHP script, or the plugin of a CMS."""
    FORM = "form"
    """A web form that strangers fill in to have it write to others."""
    RELAY = "relay"
    """The server takes mail for anybody from anybody."""
    UNKNOWN = "unknown"


class Platform(StrEnum):
    """What the service's mail and sites are run with, which decides where its owner looks."""

    CPANEL = "cpanel"
    PLESK = "plesk"
    POSTFIX = "postfix"
    EXIM = "exim"


@dataclass(frozen=True, kw_only=True)
class Likely:
    """The cause that most messages point to, with the header that says so."""

    cause: Cause
    because: str = ""


_NOTHING = Likely(cause=Cause.UNKNOWN)

Headers = Sequence[str]
"""`Name: value` of one message, the topmost first."""

_SCRIPT_FIELDS = ("x-php-originating-script", "x-php-script", "x-source-args", "x-source")
"""mail.add_x_header of PHP; what cPanel's Exim adds to mail of a program on the machine."""

_FORM = re.compile(
    r"(?:^|[/_.:-])(?:contact\w*|kontakt\w*|contacto\w*|form\w*|feedback|guestbook|comments?|"
    r"tell[_-]?a[_-]?friend|sendtofriend|recommend|wpcf7|wpforms|gravityforms|subscribe|"
    r"newsletter|register|signup)(?:[/_.:-]|\.php|\s|$)",
    re.IGNORECASE,
)
"""In a script's path: what only makes mail when somebody fills it in."""

_LOGIN_FIELDS = ("x-authenticated-sender", "x-authenticated-user", "x-authuser", "x-smtp-user")
_VIA = re.compile(r"\bauthenticated_id: ", re.IGNORECASE)
"""`X-Get-Message-Sender-Via` of cPanel, where it was no local user."""

_AUTHENTICATED = re.compile(
    r"\(Authenticated sender: |\bwith (?:utf8)?(?:e?smtp|lmtp)s?a\b", re.IGNORECASE
)
"""Postfix with smtpd_sasl_authenticated_header; the protocols of RFC 3848."""

_LOCAL = re.compile(
    r"\bwith local\b|\(Postfix, from userid \d+\)|\(from \S+@localhost\)|"
    r"\bfrom (?:localhost|\[?127\.0\.0\.1\]?)[\s(]",
    re.IGNORECASE,
)
"""Exim's protocol, Postfix's pickup, Sendmail's submission, or SMTP from the machine itself."""

_FROM_ADDRESS = re.compile(r"\bfrom\s.*?\[(?:IPv6:)?([0-9a-f.:]{3,45})\].*?\bby\s", re.IGNORECASE)
_STRANGER = re.compile(r"\bwith (?:utf8)?(?:e?smtp)s?\b", re.IGNORECASE)
"""Over SMTP without authentication (RFC 3848: no trailing A)."""

_CPANEL = ("x-get-message-sender-via", "x-source-dir", "x-antiabuse")
_PLESK = ("x-ppp-message-id", "x-ppp-vhost")
_MOST = 200
"""Messages that are looked at; more say the same."""


def likely_cause(messages: Iterable[Headers], own: Iterable[str] = ()) -> Likely:
    """What most of the messages point to; of equals, what points to it first.

    `own` has the service's addresses and prefixes. Nothing is guessed: messages whose headers tell
    nothing do not count.
    """
    networks = tuple(ip_network(each, strict=False) for each in own)
    found = [
        each
        for headers, _ in zip(messages, range(_MOST), strict=False)
        if (each := _cause_of(headers, networks)) is not None
    ]
    if not found:
        return _NOTHING
    [(cause, _)] = Counter(each.cause for each in found).most_common(1)
    return next(each for each in found if each.cause is cause)


def platform_in(messages: Iterable[Headers]) -> Platform | None:
    """The platform that the headers give away, where the provider's book does not name it."""
    for headers, _ in zip(messages, range(_MOST), strict=False):
        names = {name for name, _ in _fields(headers)}
        if names & set(_CPANEL):
            return Platform.CPANEL
        if names & set(_PLESK):
            return Platform.PLESK
    return None


def _cause_of(headers: Headers, own: tuple[IPv4Network | IPv6Network, ...]) -> Likely | None:
    fields = _fields(headers)
    for name, value in fields:
        if name in _SCRIPT_FIELDS and value.strip():
            cause = Cause.FORM if _FORM.search(value) else Cause.SCRIPT
            return Likely(cause=cause, because=_line(headers, name, value))
    for name, value in fields:
        if name in _LOGIN_FIELDS or (name == "x-get-message-sender-via" and _VIA.search(value)):
            return Likely(cause=Cause.LOGIN, because=_line(headers, name, value))
    return _by_the_way_in([value for name, value in fields if name == "received"], own)


def _by_the_way_in(
    received: list[str], own: tuple[IPv4Network | IPv6Network, ...]
) -> Likely | None:
    """What the service's own server says of how the message came to it."""
    handed_out = next((n for n, line in enumerate(received) if _is_from(line, own)), None)
    entry = 0 if handed_out is None else handed_out + 1
    while entry < len(received) and _is_from(received[entry], own):
        entry += 1  # from one server of the service to another
    if entry >= len(received):
        return None
    taken_in = received[entry]
    because = f"Received: {taken_in}"
    if _AUTHENTICATED.search(taken_in):
        return Likely(cause=Cause.LOGIN, because=because)
    if _LOCAL.search(taken_in):
        return Likely(cause=Cause.SCRIPT, because=because)
    # Without the line that names the service's address, the topmost is the reporter's own.
    if handed_out is not None and _FROM_ADDRESS.search(taken_in) and _STRANGER.search(taken_in):
        return Likely(cause=Cause.RELAY, because=because)
    return None


def _fields(headers: Headers) -> list[tuple[str, str]]:
    parted = (line.partition(":") for line in headers)
    return [(name.strip().lower(), value.strip()) for name, _, value in parted]


def _line(headers: Headers, name: str, value: str) -> str:
    """The header as it stands, its name in its own spelling."""
    wanted = (line for line in headers if line.lower().startswith(f"{name}:"))
    return next((line for line in wanted if line.endswith(value)), f"{name}: {value}")


def _is_from(received: str, own: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether the line says that one of the service's addresses handed the message on."""
    match = _FROM_ADDRESS.search(received)
    if match is None:
        return False
    try:
        address = ip_address(match[1])
    except ValueError:
        return False
    return any(address in network for network in own)
