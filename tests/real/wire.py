"""A wire to a server that can be cut: between a request and its answer, or before it arrives.

It reads whole HTTP/1.1 requests, so that a fault meets one request and is known to have met it
before or after the server got it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto


class Fault(Enum):
    """What becomes of one request."""

    REFUSED = auto()
    """The connection is closed before the server gets it."""
    LOST = auto()
    """The server gets it and answers; the connection is closed before the answer arrives."""
    HANGING = auto()
    """The server gets it and answers; the answer never arrives."""


Decide = Callable[[bytes], Fault | bytes | None]


@dataclass
class Wire:
    """On `port` of loopback. Each of `faults` meets one request that has its words in it, in turn;
    bytes are an answer that is given in the server's place. `decide` is asked where none does."""

    port: int = 0
    faults: list[tuple[bytes, Fault | bytes]] = field(default_factory=list)
    decide: Decide = lambda request: None
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, request: bytes) -> Fault | bytes | None:
        self.requests.append(request)
        if self.faults and self.faults[0][0] in request:
            return self.faults.pop(0)[1]
        return self.decide(request)


@asynccontextmanager
async def wire(target: int) -> AsyncIterator[Wire]:
    """A wire to a port of loopback, while the block lasts."""
    found = Wire()
    open_now: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        try:
            await _carry(found, reader, writer, target)
        except (OSError, asyncio.IncompleteReadError):
            pass  # an end of the wire is gone, as is meant to happen
        finally:
            open_now.discard(writer)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for each in list(open_now):
            each.transport.abort()
        await asyncio.sleep(0)
        await server.wait_closed()


async def _carry(
    found: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int
) -> None:
    there, to_there = await asyncio.open_connection("127.0.0.1", target)
    try:
        while True:
            request = await _request(reader)
            fault = found.take(request)
            if fault is Fault.REFUSED:
                return
            if isinstance(fault, bytes):
                writer.write(fault)
                await writer.drain()
                writer.close()
                return
            to_there.write(request)
            answer = await _answer(there)
            if fault is Fault.LOST:
                return
            if fault is Fault.HANGING:
                with suppress(asyncio.IncompleteReadError):
                    await reader.readexactly(1)
                return
            writer.write(answer)
            await writer.drain()
    finally:
        to_there.transport.abort()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(_length(head))


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return head + await reader.readexactly(_length(head))
    body = b""
    while not body.endswith(b"0\r\n\r\n"):
        body += await reader.readuntil(b"\r\n")
    return head + body


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def an_answer(status: int, body: str = "", *headers: str) -> bytes:
    """An HTTP answer, as it is on the wire."""
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body.encode())}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", body]).encode()
