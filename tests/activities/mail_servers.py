"""Mail servers of every temper, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session

from workers.demo.inbox import Inbox


@dataclass
class Picky(Inbox):
    """Takes mail as an inbox does, but first says what it is told to say."""

    to_recipients: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT TO, by address; the others are taken."""
    to_data: list[str] = field(default_factory=list)
    """Answers to the next messages; then they are taken."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.to_recipients.get(address, "250 2.1.5 taken")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        taken = await super().handle_DATA(server, session, envelope)
        return self.to_data.pop(0) if self.to_data else taken


@asynccontextmanager
async def speaking_bytes(
    *, greeting: bytes = b"220 mx.example", to_data: bytes = b"250 taken"
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers in whatever bytes it likes: its address, and the lines that it got."""
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting + b"\r\n")
        in_data = False
        while line := await reader.readline():
            lines.append(line)
            if in_data and line != b".\r\n":
                continue
            answer = to_data if in_data else b"354 go on" if line == b"DATA\r\n" else b"250 ok"
            in_data = answer.startswith(b"354")
            writer.write(answer + b"\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", lines
    finally:
        server.close()
        await server.wait_closed()
