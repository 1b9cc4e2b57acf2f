"""Somebody's smarthost: takes mail for the Internet, hands it on, and counts it for its bill."""

from collections import Counter
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

import aiosmtplib
from aiosmtpd.smtp import SMTP, Envelope, Session

from workers.demo.inbox import listen

_SECONDS = 30.0


class Smarthost:
    """An SMTP relay on `address` (`127.0.0.1:port`) to `next_hop` while the `async with` lasts."""

    def __init__(self, *, next_hop: str, name: str = "smarthost.example") -> None:
        self.next_hop = next_hop
        self.name = name
        self.relayed: Counter[str] = Counter()
        """Messages that the next hop took, by the domain of the envelope sender."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The verb that aiosmtpd calls with a whole message; the next hop's reply is ours."""
        sender = envelope.mail_from or ""
        try:
            refused = await self._hand_on(sender, session, envelope)
        except aiosmtplib.SMTPResponseException as error:
            return f"{error.code} {_line(error.message)}"
        except aiosmtplib.SMTPRecipientsRefused as error:
            return f"{error.recipients[0].code} {_line(error.recipients[0].message)}"
        except (aiosmtplib.SMTPException, OSError) as error:
            return f"451 4.4.1 {self.next_hop}: {_line(str(error))}"
        self.relayed[sender.rpartition("@")[2].lower()] += 1
        if refused:
            return f"554 5.0.0 the others have it; refused: {', '.join(refused)}"
        return "250 2.0.0 handed on"

    async def _hand_on(self, sender: str, session: Session, envelope: Envelope) -> list[str]:
        """Give the message to the next hop; the recipients that it refused, if not all."""
        host, _, port = self.next_hop.rpartition(":")
        peer: Any = session.peer
        trace = (
            f"Received: from {session.host_name} ([{peer[0]}])\r\n"
            f"\tby {self.name} with ESMTP; {formatdate()}\r\n"
        )
        content = trace.encode() + (envelope.original_content or b"")
        async with aiosmtplib.SMTP(
            hostname=host, port=int(port), local_hostname=self.name, start_tls=False,
            timeout=_SECONDS,
        ) as onward:  # fmt: skip
            refused, _ = await onward.sendmail(sender, envelope.rcpt_tos, content)
        return list(refused)

    async def __aenter__(self) -> Self:
        self._server = await listen(self, self.name)
        self.port = self._server.port
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._server.close()


def _line(text: str) -> str:
    return " ".join(text.split())
