"""A mail server that hands mail over, a line at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_SECONDS = 20.0


@dataclass(frozen=True)
class Peer:
    """One connection, greeted already."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, line: str | bytes) -> str:
        """Send a line; the answer to it."""
        await self.sends((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.hears()

    async def sends(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hears(self) -> str:
        """The next answer, its last line if it has many; nothing once the other side hung up."""
        async with asyncio.timeout(_SECONDS):
            while True:
                line = (await self.reader.readline()).decode()
                if line[3:4] != "-":
                    return line.rstrip()

    async def begins(self, *recipients: str, sender: str = "fbl@far.example") -> None:
        """A message as far as its content."""
        assert (await self.says(f"MAIL FROM:<{sender}>"))[:3] == "250"
        for each in recipients:
            assert (await self.says(f"RCPT TO:<{each}>"))[:3] == "250"
        assert (await self.says("DATA"))[:3] == "354"

    async def delivers(self, content: bytes, *recipients: str, sender: str = "x@y.example") -> str:
        """Hand over a whole message; the first answer to it. `content` ends with a line's end."""
        await self.begins(*recipients, sender=sender)
        await self.sends(b"".join(_stuffed(line) for line in content.split(b"\r\n")[:-1]))
        return await self.says(".")


def _stuffed(line: bytes) -> bytes:
    return (b"." if line.startswith(b".") else b"") + line + b"\r\n"


@asynccontextmanager
async def a_peer(address: str, greeting: str = "LHLO mx.example") -> AsyncIterator[Peer]:
    """Connected and greeted; with an empty greeting, connected only."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    peer = Peer(reader, writer)
    try:
        if greeting:
            assert (await peer.hears())[:3] == "220"
            assert (await peer.says(greeting))[:3] == "250"
        yield peer
    finally:
        writer.transport.abort()
