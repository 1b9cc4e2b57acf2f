"""The offending message, as far as its header tells: who sent it, and who handed it over when."""

import re
from datetime import datetime
from ipaddress import ip_address, ip_network

from domain.complaints import canonical_address, canonical_domain, canonical_mailbox
from gateway.formats.headers import Fields, moment

_MOST_SIGNATURES = 10
"""DKIM signatures looked at; a message has one or two."""

_HOP = re.compile(r"from\s(.{1,600}?)\sby\s", re.IGNORECASE)
_COMMENT = re.compile(r"\(([^()]*)\)")
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9a-f.:]{2,45})\]", re.IGNORECASE)
_SIGNER = re.compile(r"(?:^|;)\s*d\s*=\s*([^;\s]{1,253})\s*(?:;|$)")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")

_INSIDE = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/128", "::1/128", "fc00::/7",
        "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
"""Nobody's mail comes from there over the Internet: a hop between the reporter's own servers."""


def envelope_sender(text: str) -> str | None:
    """`<user@shop.example>` in canonical form; None for a bounce's `<>` and for anything else."""
    return canonical_mailbox(text.strip("<> "))


def signers(original: Fields) -> list[str]:
    """The domains of its DKIM signatures, the topmost first."""
    found = (_SIGNER.search(value) for value in original.all("dkim-signature")[:_MOST_SIGNATURES])
    known = (canonical_domain(each[1]) for each in found if each is not None)
    return [domain for domain in known if domain is not None]


def offending_domain(sender: str | None, original: Fields, reported: list[str]) -> str | None:
    """The envelope sender's domain or else a signer's.

    `reported` are the domains that the reporter names as key to the message. They may have been
    taken from `From` or from links, so they only choose among those two.
    """
    candidates = [sender.rpartition("@")[2]] if sender is not None else []
    candidates += signers(original)
    for named in reported:
        if (domain := canonical_domain(named)) in candidates:
            return domain
    return candidates[0] if candidates else None


def message_id(original: Fields) -> str | None:
    """With its angle brackets."""
    found = _MESSAGE_ID.search(original.first("message-id"))
    return found[0] if found else None


def handed_over(original: Fields) -> tuple[str | None, datetime | None]:
    """From which address the reporter's own server took the message, and when.

    Only the topmost `Received` is its own; all below it may be forged by the sender. The address
    is the one in brackets in a comment, where mail servers put what they saw (`from HELO (name
    [192.0.2.7]) by ...`). What stands outside a comment is the sender's HELO. Two addresses, one
    from inside a network, or another way to write it: nothing.
    """
    topmost = original.first("received")
    hop = _HOP.match(topmost)
    if hop is None:
        return None, None
    comments = " ".join(_COMMENT.findall(hop[1]))
    seen = {canonical_address(literal) for literal in _LITERAL.findall(comments)}
    address = seen.pop() if len(seen) == 1 else None
    if address is None or any(ip_address(address) in block for block in _INSIDE):
        return None, None
    return address, moment(topmost.rpartition(";")[2])
