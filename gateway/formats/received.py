"""From which address the offending message was handed over, by the `Received` lines of its header.

Each server puts its line on top, so those at the top were written by whoever received the message
and reports it, and those below may all be forged by the sender. The line that counts is written by
the reporter's *border*: the first one, from the top, that took the message from an address outside.
To get there, a line is passed by only if both are so:

- it took the message from inside: a private address or the machine's own, over LMTP, or from the
  machines of a mailbox provider that is known to show its inner hops (Gmail, Outlook);
- the next line was written by the very host that this one names, by its address where that is
  another machine, and not only as it called itself. So a server between them that leaves no line
  of its own does not make us believe the sender's.

Otherwise nothing is known, and a person looks at it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from domain.intake.complaints import canonical_address
from gateway.formats.headers import Fields, moment

_MOST_HOPS = 12

_LINE = re.compile(r"from\s(.{1,600}?)\sby\s+([^\s;]{1,255})(.*)", re.IGNORECASE)
_BY = re.compile(r"by\s+([^\s;]{1,255})", re.IGNORECASE)
_COMMENT = re.compile(r"\(([^()]*)\)")
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9a-f.:]{2,45})\]", re.IGNORECASE)
_LMTP = re.compile(r"\swith\s+(?:UTF8)?LMTP", re.IGNORECASE)


def _networks(*blocks: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(block) for block in blocks)


_INSIDE = _networks(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/128", "::1/128", "fc00::/7",
    "fe80::/10", "ff00::/8",
)  # fmt: skip
"""Nobody's mail comes from there over the Internet: a hop between the reporter's own servers."""

_OUTLOOK = _networks("2603:10a6::/32", "2603:10b6::/32", "2603:1096::/32", "2a01:111:e400::/40")
"""What Outlook's inner hops show: its European, American and Asian machines, and its border's."""

_GMAIL = ip_network("2002:a00::/24")
"""6to4 (RFC 3056) of 10.0.0.0/8: how Gmail writes its inner hops."""
_GMAIL_BORDER = "mx.google.com"


@dataclass(frozen=True, kw_only=True)
class _Hop:
    called: str
    """What the sending machine calls itself (HELO)."""
    named: frozenset[str]
    """What it is called by its address, as the comments begin."""
    address: str | None
    """The one in brackets or alone in a comment, where servers put what they saw (`from HELO (name
    [192.0.2.7]) by ...`). What stands outside a comment is HELO. None if there are two."""
    by: str
    at: datetime | None
    lmtp: bool


def handed_over(original: Fields) -> tuple[str | None, datetime | None]:
    """The address that the reporter's border took the message from, and when; None if unknown."""
    lines = original.all("received")[:_MOST_HOPS]
    if len(lines) > 1 and _is_gmails(lines[0]) and _by(lines[1]) == _GMAIL_BORDER:
        lines = lines[1:]
    hops = [_hop(line) for line in lines]
    for number, hop in enumerate(hops):
        if hop is None:
            return None, None
        if not _from_inside(hop):
            return (hop.address, hop.at) if hop.address is not None else (None, None)
        following = hops[number + 1] if number + 1 < len(hops) else None
        if following is None or not _is_called(following.by, _names(hop)):
            return None, None
    return None, None


def outside(address: str | None) -> str | None:
    """The address, if mail can come from it over the Internet."""
    return None if address is None or _within(address, _INSIDE) else address


def _hop(line: str) -> _Hop | None:
    found = _LINE.match(line)
    if found is None:
        return None
    comments = _COMMENT.findall(found[1])
    literals = [*_LITERAL.findall(" ".join(comments)), *comments]
    seen = {canonical_address(literal.strip()) for literal in literals} - {None}
    words = [text.lower().split() for text in (found[1], *comments)]
    called, *named = [each[0].rstrip(".") if each else "" for each in words]
    return _Hop(
        called=called,
        named=frozenset(named),
        address=seen.pop() if len(seen) == 1 else None,
        by=found[2].lower().rstrip("."),
        at=moment(line.rpartition(";")[2]),
        # A second "by" would mean that the first was in the HELO.
        lmtp=_LMTP.search(found[3]) is not None and " by " not in found[3].lower(),
    )


def _from_inside(hop: _Hop) -> bool:
    if hop.address is None:
        # No address, and yet not from just anybody: LMTP does not cross networks (RFC 2033 §5).
        return hop.lmtp and not hop.named
    return _within(hop.address, _INSIDE) or _within_outlook(hop)


def _within_outlook(hop: _Hop) -> bool:
    names = hop.called.endswith(".outlook.com") and hop.by.endswith(".outlook.com")
    return names and hop.address is not None and _within(hop.address, _OUTLOOK)


def _names(hop: _Hop) -> frozenset[str]:
    """Those of the sending machine that can be believed of it."""
    own = hop.address is None or ip_address(hop.address).is_loopback
    return hop.named | {hop.called} if own or _within_outlook(hop) else hop.named


def _is_called(host: str, names: Iterable[str]) -> bool:
    if host in names:
        return True
    # Outlook's border has one name towards the inside, and another towards the outside.
    border, _, domain = host.partition(".")
    return domain == "mail.protection.outlook.com" and any(
        name.startswith(f"{border}.") and name.endswith(".prod.protection.outlook.com")
        for name in names
    )


def _is_gmails(line: str) -> bool:
    address = canonical_address(_by(line))
    return address is not None and _within(address, (_GMAIL,))


def _by(line: str) -> str:
    """Who wrote it. Of the topmost line of Gmail, nothing stands before that."""
    if (alone := _BY.match(line)) is not None:
        return alone[1].lower()
    whole = _LINE.match(line)
    return whole[2].lower() if whole is not None else ""


def _within(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    known = ip_address(address)
    return any(known in network for network in networks)
