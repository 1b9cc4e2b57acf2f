"""One connection of a mail server that hands mail over, in SMTP (RFC 5321) or LMTP (RFC 2033).

aiosmtpd speaks the protocol. Ours are the parts where it would refuse what abuse reports are made
of, or hold more of it than it should: addresses that are barely addresses, lines of any length,
and one answer for each recipient in LMTP.
"""

import asyncio
import re
from collections import defaultdict
from typing import Any, Protocol, cast

from aiosmtpd.smtp import SMTP, Envelope, syntax

_PIECE = 64 * 1024
"""Bytes that are read at once."""

_END = b"\r\n.\r\n"

_LONGEST_COMMAND = 2_048
"""Characters, four times RFC 5321 §4.5.3.1.4: addresses of feedback loops are long (VERP)."""

_PATH = re.compile(r"<(?:@[^<>\":]*:)?((?:\"(?:\\.|[^\"\\])*\"|[^<>\"])*)>(.*)", re.DOTALL)
"""RFC 5321 §4.1.2, with an old source route left out; its words are not looked at."""


class Desk(Protocol):
    """Where what is handed over goes."""

    def room_for(self, more: int) -> bool:
        """Whether there is room for so many more bytes; if there is, they are taken up."""

    def give_back(self, taken: int) -> None:
        """So many bytes are let go."""

    def refused(self, answer: str) -> str:
        """A message is answered with this, and not taken."""

    async def take(self, envelope: Envelope, content: bytes) -> str:
        """Put it on record, and say so in SMTP. Never raises."""


class Conversation(SMTP):
    """One connection, `among` the others while it stands.

    Whoever greets with LHLO gets an answer for each recipient, as in LMTP.

    RFC 2033 §4.1 would have an address speak one of the two only, so that nobody takes one for the
    other. Here the greeting tells which it is, and there is one address to set up and to guard.
    """

    line_length_limit = _PIECE

    def __init__(
        self, handler: Any, desk: Desk, among: "set[Conversation]", *, largest: int, **options: Any
    ) -> None:
        super().__init__(handler, data_size_limit=largest, enable_SMTPUTF8=True, **options)
        # aiosmtpd's own is one for all connections, and grows with every greeting.
        self.command_size_limits = defaultdict(lambda: _LONGEST_COMMAND)
        self._desk = desk
        self._among = among
        self._largest = largest
        self._lmtp = False
        self._receiving = False
        self._stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._among.add(self)
        # A connection that breaks is the other side's business, and not an error of this task.
        self.ended().add_done_callback(lambda task: task.cancelled() or task.exception())

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._among.discard(self)

    def ended(self) -> asyncio.Task[None]:
        """Done when the conversation is over. No property: aiosmtpd reads those as it is made."""
        assert self._handler_coroutine is not None
        return self._handler_coroutine

    def stop(self) -> None:
        """End as soon as a message that is being handed over has been answered."""
        self._stopping = True
        if not self._receiving:
            self._take_leave("421 4.3.2 going down, come again")

    def abort(self) -> None:
        """End now. What was not answered comes again."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, arg: str) -> None:
        self._lmtp = True
        await super().smtp_EHLO(arg)

    async def smtp_EHLO(self, arg: str) -> None:
        self._lmtp = False
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, arg: str) -> None:
        self._lmtp = False
        await super().smtp_HELO(arg)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The address of a MAIL or RCPT, `<>` for none, and the parameters after it.

        aiosmtpd parses it as RFC 5322 would, and what fails there would come back for ever.
        """
        found = _PATH.match(arg.strip())
        return (found[1] or "<>", found[2]) if found else (None, None)

    async def smtp_DATA(self, arg: str) -> None:
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        assert envelope is not None
        if not envelope.rcpt_tos or arg:
            await self.push("501 5.5.4 DATA takes nothing" if arg else "503 5.5.1 need RCPT first")
            return
        self._receiving = True
        try:
            await self.push("354 end it with a dot on a line of its own")
            answer = await self._received(envelope)
            self.envelope = self._create_envelope()
            answers = len(envelope.rcpt_tos) if self._lmtp else 1
            await self.push("\r\n".join([answer] * answers))
        finally:
            self._receiving = False
        if self._stopping:
            self._take_leave("421 4.3.2 going down, come again")

    async def _received(self, envelope: Envelope) -> str:
        """Read a message to its end, and what is to be answered."""
        content, refusal, ended = bytearray(), "", False
        # It begins where a line does, and so may its end: then both look the same as within it.
        self._reader._buffer[:0] = b"\r\n"  # type: ignore[attr-defined]
        size = -2
        try:
            while not ended:
                piece, ended = await self._piece()
                size += len(piece)
                if size > self._largest:
                    refusal = f"552 5.3.4 larger than {self._largest} bytes"
                elif not refusal and not self._desk.room_for(len(piece)):
                    refusal = "452 4.3.1 too much mail at once, send it again later"
                else:
                    content += b"" if refusal else piece
                    continue
                # Read to the end, as the answer belongs there, but kept no longer.
                self._desk.give_back(len(content))
                content.clear()
            if refusal:
                return self._desk.refused(refusal)
            plain = content.replace(b"\r\n.", b"\r\n")  # RFC 5321 §4.5.2
            return await self._desk.take(envelope, bytes(plain[2:]))
        finally:
            self._desk.give_back(len(content))

    async def _piece(self) -> tuple[bytes, bool]:
        """Some of a message, and whether it is the last of it. Cut anywhere but within its end.

        aiosmtpd reads line by line, which takes half a minute for a message of empty lines.
        """
        try:
            piece: bytes = await self._reader.readuntil(_END)
        except asyncio.LimitOverrunError as longer:
            return await self._reader.read(longer.consumed), False
        return piece.removesuffix(_END[2:]), True

    def _take_leave(self, words: str) -> None:
        if self.transport is not None:
            # uvloop's transports are of no class of asyncio's.
            transport = cast(asyncio.WriteTransport, self.transport)
            transport.write(f"{words}\r\n".encode())
            transport.close()
