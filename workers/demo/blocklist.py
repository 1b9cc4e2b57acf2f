"""Somebody's DNS blocklist: a real name server for its zones (RFC 5782), over UDP and TCP."""

import asyncio
import errno
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import TracebackType
from typing import Any, Self, cast

from dnslib import QTYPE, RCODE, RR, SOA, TXT, A, DNSError, DNSHeader, DNSRecord

_TTL = 0
"""Seconds: a listing that goes is to be gone at once."""

_SMALL = 512
"""Bytes of a UDP answer for who announces no more (RFC 1035 §4.2.1)."""

_ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class Question:
    """What somebody asked."""

    name: str
    kind: str
    """Such as `A` or `TXT`."""
    transport: str
    """`udp` or `tcp`."""


@dataclass(frozen=True)
class _Entry:
    answer: str
    reason: str


class BlocklistServer:
    """A name server for `zones` on `address` (`127.0.0.1:port`) while the `async with` lasts.

    Each zone starts with its test points and nothing else. They are entries as any other: without
    `127.0.0.2` it is a list that was given up, with `127.0.0.1` one that lists everything.
    """

    def __init__(self, *zones: str) -> None:
        self.zones = zones
        self.questions: list[Question] = []
        self._entries: dict[str, _Entry] = {}
        self._connections: set[asyncio.StreamWriter] = set()
        self._conversations: set[asyncio.Task[None]] = set()
        for zone in zones:
            for point in ("127.0.0.2", "::ffff:127.0.0.2"):
                self.list(point, "the test point of RFC 5782", zone=zone)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def list(
        self, address: str, reason: str, *, zone: str | None = None, answer: str = "127.0.0.2"
    ) -> None:
        """Put an address or a domain on the list of a zone, by default the first."""
        self._entries[_name(address, zone or self.zones[0])] = _Entry(answer, reason)

    def unlist(self, address: str, *, zone: str | None = None) -> None:
        """Take an address off. Raises KeyError if it is not on."""
        del self._entries[_name(address, zone or self.zones[0])]

    def answer(self, asked: DNSRecord) -> DNSRecord:
        """The reply to a question."""
        reply = asked.reply(ra=0)
        name = str(asked.q.qname).rstrip(".").lower()
        zone = next((z for z in self.zones if name == z or name.endswith(f".{z}")), None)
        if zone is None:
            reply.header.aa = 0
            reply.header.rcode = RCODE.REFUSED
            return reply
        entry = self._entries.get(name)
        if entry is not None and asked.q.qtype in (QTYPE.A, QTYPE.TXT):
            kind, data = (
                (QTYPE.A, A(entry.answer)) if asked.q.qtype == QTYPE.A
                else (QTYPE.TXT, TXT(_strings(entry.reason)))
            )  # fmt: skip
            reply.add_answer(RR(asked.q.qname, kind, rdata=data, ttl=_TTL))
            return reply
        soa = SOA(f"ns.{zone}", f"hostmaster.{zone}", (1, 3600, 600, 86400, _TTL))
        reply.add_auth(RR(zone, QTYPE.SOA, rdata=soa, ttl=_TTL))
        if not any(f".{known}".endswith(f".{name}") for known in (zone, *self._entries)):
            reply.header.rcode = RCODE.NXDOMAIN
        return reply

    def replied(self, packet: bytes, transport: str) -> bytes | None:
        """The bytes of a reply, cut to what UDP takes; None for what is no question."""
        try:
            asked = DNSRecord.parse(packet)
        except DNSError:
            return None
        if asked.header.qr or not asked.questions:
            return None
        self.questions.append(
            Question(
                name=str(asked.q.qname).rstrip("."),
                kind=str(QTYPE[asked.q.qtype]),
                transport=transport,
            )
        )
        reply = self.answer(asked)
        whole: bytes = reply.pack()
        announced = max((rr.edns_len for rr in map(_edns, asked.ar) if rr), default=_SMALL)
        if transport == "udp" and len(whole) > announced:
            # Not dnslib's own `truncate`: it drops the question, and then resolvers drop the reply.
            header = DNSHeader(id=reply.header.id, bitmap=reply.header.bitmap, tc=1)
            cut: bytes = DNSRecord(header, q=reply.q).pack()
            return cut
        return whole

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for attempt in range(_ATTEMPTS):
            tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port: int = tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
                )
            except OSError as error:  # the port is free for TCP only: take another
                tcp.close()
                await tcp.wait_closed()
                if error.errno != errno.EADDRINUSE or attempt == _ATTEMPTS - 1:
                    raise
                continue
            self._tcp = tcp
            break
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._udp.close()
        self._tcp.close()
        for connection in self._connections:
            connection.transport.abort()
        await self._tcp.wait_closed()
        await asyncio.gather(*self._conversations)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        if (task := asyncio.current_task()) is not None:
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = self.replied(await reader.readexactly(length), "tcp")
                if reply is None:
                    return
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            self._connections.discard(writer)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: BlocklistServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if (reply := self._server.replied(data, "udp")) is not None:
            self._transport.sendto(reply, addr)


def _name(about: str, zone: str) -> str:
    """What is asked about an address, or about a domain (RFC 5782 §2.1, §2.3, §2.4)."""
    try:
        known = ip_address(about)
    except ValueError:
        return f"{about}.{zone}".lower()
    match known:
        case IPv4Address():
            labels = str(known).split(".")
        case IPv6Address():
            labels = [*known.exploded.replace(":", "")]
    return f"{'.'.join(reversed(labels))}.{zone}".lower()


def _strings(text: str) -> "list[bytes]":
    """A TXT record's strings: each of 255 bytes at most."""
    raw = text.encode()
    return [raw[start : start + 255] for start in range(0, len(raw), 255)]


def _edns(record: RR) -> Any:
    return record if record.rtype == QTYPE.OPT else None
