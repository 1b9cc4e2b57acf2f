"""The abuse mailbox behind the provider's own mail server, over LMTP or SMTP.

250 is answered once the message is on record, and a passing reason for anything that keeps it from
being: the mail server's queue is where mail waits while PostgreSQL is away.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Collection
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.formats.port import LARGEST
from gateway.mail.arrival import Keep, NotKept
from gateway.mail.conversation import Conversation

log = logging.getLogger("plazo.mail")

CONNECTIONS = 100
"""At once. Postfix opens 20 to one destination (default_destination_concurrency_limit)."""

MOST_RECIPIENTS = 100
"""Of one message: what RFC 5321 §4.5.3.1.8 asks for at least, and there are few of ours."""

MOST_HELD = 8 * LARGEST
"""Bytes of messages that are being handed over, of all connections together."""

IDLE = 300.0
"""Seconds between two commands, and for the whole of a message (RFC 5321 §4.5.3.2)."""

DRAIN = 30.0
"""Seconds that messages under way get when the listener is closed."""

_BUSY = "421 4.3.2 too many connections"
_LATER = "451 4.3.0 cannot be put on record now, send it again later"


class Listener:
    """Takes mail for `recipients` and nobody else, while it is open.

    An address with a `+detail` is the address. `keep` raises NotKept for mail that has to wait.
    `answered` is told what is answered to mail that does not come as far as that.
    """

    def __init__(
        self,
        keep: Keep,
        recipients: Collection[str],
        *,
        answered: Callable[[str], None] | None = None,
        connections: int = CONNECTIONS,
        most_held: int = MOST_HELD,
        idle: float = IDLE,
        drain: float = DRAIN,
    ) -> None:
        self._keep = keep
        self._answered = answered or (lambda _: None)
        self._recipients = frozenset(each.lower() for each in recipients)
        self._connections = connections
        self._room = most_held
        self._idle = idle
        self._drain = drain
        self._open: set[Conversation] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where it listens, HOST:PORT."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def open(self, host: str, port: int) -> None:
        """Listen; port zero takes a free one. Raises OSError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._conversation, host, port)

    async def close(self) -> None:
        """Take no more connections, and end those that stand once their message is answered."""
        assert self._server is not None
        self._server.close()
        for each in self._open:
            each.stop()
        if self._open:
            ends = {each.ended() for each in self._open}
            _, late = await asyncio.wait(ends, timeout=self._drain)
            for each in self._open:
                each.abort()
            if late:
                log.warning("mail left unanswered", extra={"connections": len(late)})
                await asyncio.wait(late)
        await self._server.wait_closed()

    def _conversation(self) -> asyncio.Protocol:
        if len(self._open) >= self._connections:
            log.warning("too many connections", extra={"most": self._connections})
            self._answered(_BUSY)
            return _Busy()
        return Conversation(
            self, self, self._open, largest=LARGEST, timeout=self._idle,
            hostname=socket.gethostname(), ident="Plazo",
        )  # fmt: skip

    # --- the desk -------------------------------------------------------------------------------

    def room_for(self, more: int) -> bool:
        if more > self._room:
            return False
        self._room -= more
        return True

    def give_back(self, taken: int) -> None:
        self._room += taken

    def refused(self, answer: str) -> str:
        self._answered(answer)
        return answer

    async def take(self, envelope: Envelope, content: bytes) -> str:
        sender = _sender(envelope)
        try:
            accepted = await self._keep(content, sender)
        except NotKept as error:
            log.warning("mail has to wait", extra={"why": str(error)})
            return _LATER
        except Exception:
            log.exception("mail has to wait")
            return _LATER
        log.info(
            "mail on record",
            extra={"incidents": accepted.incidents, "unplaced": len(accepted.unplaced)},
        )
        return "250 2.0.0 on record"

    # --- what aiosmtpd asks ---------------------------------------------------------------------

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Nothing is passed on from here, so there is no mail for others to take."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return self.refused("452 4.5.3 too many recipients")
        local, _, domain = address.lower().rpartition("@")
        if f"{local.partition('+')[0]}@{domain}" not in self._recipients:
            return self.refused("550 5.1.1 no such mailbox here")
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 mailbox"

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours must not turn mail away."""
        log.error("a conversation failed", exc_info=error)
        return "451 4.3.0 this is a fault of the program, and in its log; come again later"


class _Busy(asyncio.Protocol):
    """What those get who come when there is no place left."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(f"{_BUSY}\r\n".encode())
        transport.close()


def _sender(envelope: Envelope) -> str:
    return "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)
