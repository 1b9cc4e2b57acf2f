"""What is asked: a name below the list's zone, as it goes on the wire (RFC 5782 §2)."""

from ipaddress import IPv4Address

import dns.exception
import dns.name

from activities.blocklists.port import Subject

A, TXT = 1, 16

_OCTETS = [bytes((len(str(n)),)) + str(n).encode() for n in range(256)]
_NIBBLES = [b"\x01%x\x01%x" % (n & 15, n >> 4) for n in range(256)]
"""Both of an octet, the lower first."""

_LONGEST = 255
"""Bytes of a name (RFC 1035 §2.3.4)."""

_CLASSES = {A: b"\0\x01\0\x01", TXT: b"\0\x10\0\x01"}


def question(about: Subject, zone: bytes, kind: int) -> bytes:
    """Name, type and class: `2.0.0.127.bl.example` (§2.1), nibbles for IPv6 (§2.4), a domain as it
    is (§2.3). Raises ValueError for a name that is too long.
    """
    if isinstance(about, str):
        try:
            front = dns.name.from_text(about).to_digestable()[:-1]
        except dns.exception.DNSException as error:
            raise ValueError(f"cannot be asked about {about}: {error}") from error
    else:
        table = _OCTETS if isinstance(about, IPv4Address) else _NIBBLES
        front = b"".join([table[octet] for octet in reversed(about.packed)])
    if len(front) + len(zone) > _LONGEST:
        raise ValueError(f"cannot be asked about {about}: the name is longer than {_LONGEST} bytes")
    return front + zone + _CLASSES[kind]
