"""What a reply says: the answers of a listing, the texts, and for how long it may be kept."""

import struct
from ipaddress import IPv4Address

import dns.exception
import dns.message
from dns.rdata import Rdata
from dns.rdtypes.ANY.TXT import TXT

from activities.blocklists.resolvers import Reply

_ANSWERS = slice(6, 8)
_SOA = 6
_RECORD = struct.Struct("!HHIH")
_AUTHORITIES = 4
"""Records in which the zone's SOA is looked for."""


class Unreadable(ValueError):
    """The reply is no DNS message, or contradicts itself; the message says how."""


def is_empty(reply: Reply) -> bool:
    """Whether it has no answer at all: there is no such name, or nothing of this type."""
    return reply.raw[_ANSWERS] == b"\0\0"


def addresses(reply: Reply) -> tuple[IPv4Address, ...]:
    """The A records, aliases followed, in order. Raises Unreadable."""
    return tuple(sorted(IPv4Address(str(record)) for record in _answer(reply)))


def texts(reply: Reply) -> str:
    """The TXT records, in order. Raises Unreadable."""
    return " ".join(
        sorted(
            b"".join(record.strings).decode("utf-8", "replace")
            for record in _answer(reply)
            if isinstance(record, TXT)
        )
    )


def _answer(reply: Reply) -> list[Rdata]:
    try:
        chain = _parsed(reply).resolve_chaining()
    except (dns.exception.DNSException, struct.error) as error:
        raise Unreadable(f"a reply that cannot be read: {error}") from error
    return [] if chain.answer is None else list(chain.answer)


def seconds(reply: Reply, question: bytes) -> int:
    """For how long it may be kept (RFC 2308 for one that is empty); 0 if it does not say."""
    try:
        if is_empty(reply):
            return _negative(reply.raw, 12 + len(question))
        return int(_parsed(reply).resolve_chaining().minimum_ttl)
    except (dns.exception.DNSException, struct.error, IndexError):
        return 0


def _parsed(reply: Reply) -> dns.message.QueryMessage:
    message = dns.message.from_wire(reply.raw, ignore_trailing=True)
    if not isinstance(message, dns.message.QueryMessage):
        raise dns.message.NotQueryResponse
    return message


def _negative(raw: bytes, at: int) -> int:
    # Nearly every answer is one of these, and a whole parse costs as much as all the rest of it.
    for _ in range(min(int.from_bytes(raw[8:10], "big"), _AUTHORITIES)):
        at = _after_name(raw, at)
        kind, _, ttl, length = _RECORD.unpack_from(raw, at)
        at += _RECORD.size + length
        if kind == _SOA:
            (minimum,) = struct.unpack_from("!I", raw, at - 4)
            return int(min(ttl, minimum))
    return 0


def _after_name(raw: bytes, at: int) -> int:
    while length := raw[at]:
        if length >= 0xC0:
            return at + 2
        at += 1 + length
    return at + 1
