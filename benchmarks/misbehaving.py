"""A name server whose every zone is ill in a way of its own, as blocklists have been."""

import asyncio
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, cast

from dnslib import QTYPE, RCODE, RR, A, DNSHeader, DNSRecord

from workers.demo.blocklist import BlocklistServer

DELAY = 0.15
"""Seconds that the slow zone takes."""

_RIGHT_FOR = 40
"""Questions that a zone answers rightly before it lists the whole world."""

Reply = tuple[bytes | None, float]
"""What is sent, and after how many seconds."""

Behaviour = Callable[["Misbehaving", bytes, DNSRecord, str], Reply]


class Misbehaving:
    """A server for `ZONES` on `address`, over UDP and TCP, while the `async with` lasts.

    Whatever a zone does, it knows of `listed` addresses, and of no others.
    """

    def __init__(self, *listed: str) -> None:
        self.right = BlocklistServer(*ZONES)
        for zone in ZONES:
            for address in listed:
                self.right.list(address, "spam", zone=zone)
        self.questions: Counter[str] = Counter()
        """By zone."""
        self.heard: set[str] = set()
        """Names that the lossy zone was asked for."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reply(self, packet: bytes, transport: str) -> Reply:
        asked = DNSRecord.parse(packet)
        name = str(asked.q.qname).rstrip(".").lower()
        zone = next((zone for zone in ZONES if name.endswith(f".{zone}")), None)
        if zone is None:
            return self.right.replied(packet, transport), 0.0
        self.questions[zone] += 1
        return ZONES[zone](self, packet, asked, transport)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        while True:
            self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port: int = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
                )
            except OSError:  # the port is free for TCP only
                self._tcp.close()
            else:
                return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        at: TracebackType | None,
    ) -> None:  # fmt: skip
        self._udp.close()
        self._tcp.close()
        await self._tcp.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply, _ = self.reply(await reader.readexactly(length), "tcp")
            if reply is not None:
                writer.write(struct.pack("!H", len(reply)) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Misbehaving) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        reply, after = self._server.reply(data, "udp")
        if reply is not None:
            asyncio.get_running_loop().call_later(after, self._transport.sendto, reply, addr)


# --- the ways to misbehave ------------------------------------------------------------------------


def _rightly(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    return server.right.replied(packet, transport), 0.0


def _with(code: int) -> Behaviour:
    def failing(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
        reply = asked.reply()
        reply.header.rcode = code
        return reply.pack(), 0.0

    return failing


def _everything(answer: str) -> Behaviour:
    def wild(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
        reply = asked.reply(ra=0)
        if asked.q.qtype == QTYPE.A:
            reply.add_answer(RR(asked.q.qname, QTYPE.A, rdata=A(answer), ttl=60))
        return reply.pack(), 0.0

    return wild


def _slow(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    return server.right.replied(packet, transport), DELAY


def _silent(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    return None, 0.0


def _lossy(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    """The first answer to every third question is lost."""
    name = str(asked.q.qname)
    new = name not in server.heard
    server.heard.add(name)
    lost = new and len(server.heard) % 3 == 0
    return None if lost else server.right.replied(packet, transport), 0.0


def _cut(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    """Whole over TCP only."""
    if transport == "tcp":
        return server.right.replied(packet, transport), 0.0
    header = DNSHeader(id=asked.header.id, qr=1, tc=1)
    return DNSRecord(header, q=asked.q).pack(), 0.0


def _cut_for_good(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    return (None if transport == "tcp" else _cut(server, packet, asked, transport)[0]), 0.0


def _wrong_id(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    reply, _ = _everything("127.0.0.2")(server, packet, asked, transport)
    assert reply is not None
    return bytes((reply[0] ^ 0x55, reply[1] ^ 0xAA)) + reply[2:], 0.0


def _wrong_question(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    other = DNSRecord.question("2.0.0.127.wrong-question.example")
    other.header.id = asked.header.id
    return _everything("127.0.0.2")(server, other.pack(), other, transport)


def _garbage(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    """A header that promises an answer, and nothing of one."""
    header = packet[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
    question = DNSRecord(q=asked.q).pack()[12:]
    return header + question + b"\xc0\x0c\0\1", 0.0


def _turns_wild(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    """Well when it is looked at first, and wild from then on."""
    if server.questions["turns-wild.example"] <= _RIGHT_FOR:
        return server.right.replied(packet, transport), 0.0
    return _everything("127.0.0.2")(server, packet, asked, transport)


def _refuses_later(server: Misbehaving, packet: bytes, asked: DNSRecord, transport: str) -> Reply:
    if server.questions["refuses-later.example"] <= _RIGHT_FOR:
        return server.right.replied(packet, transport), 0.0
    return _everything("127.255.255.255")(server, packet, asked, transport)


WELL: Mapping[str, Behaviour] = {
    "right.example": _rightly,
    "slow.example": _slow,
    "lossy.example": _lossy,
    "cut.example": _cut,
}
"""What these say in the end is right."""

ILL: Mapping[str, Behaviour] = {
    "silent.example": _silent,
    "cut-for-good.example": _cut_for_good,
    "servfail.example": _with(RCODE.SERVFAIL),
    "refused.example": _with(RCODE.REFUSED),
    "refuses.example": _everything("127.255.255.254"),
    "refuses-later.example": _refuses_later,
    "wild.example": _everything("127.0.0.2"),
    "turns-wild.example": _turns_wild,
    "parked.example": _everything("203.0.113.80"),
    "given-up.example": _with(RCODE.NXDOMAIN),
    "wrong-id.example": _wrong_id,
    "wrong-question.example": _wrong_question,
    "garbage.example": _garbage,
}
"""What these say is never to be believed, neither a listing nor that there is none."""

ZONES: Mapping[str, Behaviour] = {**WELL, **ILL}
