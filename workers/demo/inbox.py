"""Somebody's mail server: accepts everything and remembers it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from functools import partial
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

_LARGEST = 32 * 1024 * 1024
"""Bytes of a message; more is refused."""


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """One message as it was handed over, with its envelope."""

    sender: str
    """Envelope sender; empty for a bounce."""
    recipients: tuple[str, ...]
    message: EmailMessage
    content: bytes

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])


@dataclass
class Inbox:
    """An SMTP server on `address` (`127.0.0.1:port`) while the `async with` lasts."""

    name: str = "inbox.example"
    messages: list[Arrived] = field(default_factory=list)
    port: int = 0
    """Zero takes a free one."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def wait_for(
        self, predicate: Callable[[Arrived], bool], seconds: float = 10.0
    ) -> Arrived:
        """The first message that fits, come or still to come. Raises TimeoutError."""
        seen = 0
        async with asyncio.timeout(seconds):
            while True:
                self._came.clear()
                for message in self.messages[seen:]:
                    if predicate(message):
                        return message
                seen = len(self.messages)
                await self._came.wait()

    def subjects(self) -> list[str]:
        return [message.subject for message in self.messages]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The verb that aiosmtpd calls with a whole message."""
        content = envelope.content
        assert isinstance(content, bytes)  # decode_data is off
        self.messages.append(
            Arrived(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                message=BytesParser(_class=EmailMessage, policy=default).parsebytes(content),
                content=content,
            )
        )
        self._came.set()
        return "250 2.0.0 taken"

    async def __aenter__(self) -> Self:
        self._came = asyncio.Event()
        self._server = await listen(self, self.name, self.port)
        self.port = self._server.port
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()


class Listening:
    """A handler's SMTP server on loopback, in the running loop; aiosmtpd's own is a thread."""

    def __init__(self) -> None:
        self._sessions: set[SMTP] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def open(self, handler: Any, name: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            partial(self._session, handler, name), "127.0.0.1", port
        )

    def _session(self, handler: Any, name: str) -> SMTP:
        loop = asyncio.get_running_loop()
        session = SMTP(
            handler, hostname=name, ident="ESMTP", data_size_limit=_LARGEST, loop=loop,
            enable_SMTPUTF8=True,
        )  # fmt: skip
        self._sessions.add(session)
        return session

    async def close(self) -> None:
        """Take no more connections and end those that stand."""
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
            task = session._handler_coroutine
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._server.wait_closed()


async def listen(handler: Any, name: str, port: int = 0) -> Listening:
    """Serve an aiosmtpd handler on loopback; port zero takes a free one."""
    listening = Listening()
    await listening.open(handler, name, port)
    return listening
