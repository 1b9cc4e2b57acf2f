"""A mail host for machines without Postfix: a queue, local delivery, and the agent's measures."""

import asyncio
import logging
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as CRLF
from email.policy import default
from pathlib import Path
from typing import Any, Self

import aiosmtplib
from aiosmtpd.smtp import SMTP, Envelope, Session

from agents.holding import Holding
from agents.mail_server import Queued, Relayed
from agents.mta.port import CannotCarryOut, MailHost
from agents.outbound import HOLDS, in_charge
from domain.hosts import Desired, HeldMessage
from domain.measures import Measure
from workers.demo.inbox import listen

log = logging.getLogger("plazo.embedded_host")

_SECONDS = 30.0
_RETRY_SECONDS = 1.0


@dataclass(kw_only=True)
class _Entry:
    """A message on its way out."""

    queue_id: str
    sender: str
    recipients: list[str]
    content: bytes
    arrived_at: datetime
    queue: str = "active"
    """As Postfix calls them: `active`, `deferred` or `hold`."""
    stopped: bool = False


class EmbeddedHost:
    """An SMTP server that receives for `local_domain` and sends everything else to `next_hop`.

    It has the surface of PostfixHost, and its queue is in memory: it ends with the `async with`.
    """

    def __init__(self, *, next_hop: str, local_domain: str, hostname: str = "mx.host.example"):
        self.next_hop = next_hop
        self.local_domain = local_domain
        self.hostname = hostname
        self._queue: dict[str, _Entry] = {}
        self._delivered: list[EmailMessage] = []
        self._in_force: tuple[Desired, ...] = ()
        self._relayed: dict[str, int] = {}
        self._work = asyncio.Event()
        self._closing = False
        self._passing = asyncio.Lock()
        """Held while a message leaves, so that a measure never overtakes one."""

    @property
    def name(self) -> str:
        return "embedded mail host"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.port}"

    def mail_host(self, state_dir: Path) -> MailHost:
        """What an agent on this host commands."""
        return Holding(_Commanded(self), state_dir)

    async def submit(self, sender: str, recipients: list[str], message: EmailMessage) -> None:
        """Hand a message over by SMTP. Raises aiosmtplib's errors."""
        await _send(self.address, sender, recipients, message.as_bytes(policy=CRLF))

    async def submit_locally(
        self, sender: str, recipients: list[str], message: EmailMessage
    ) -> None:
        """Hand a message over as a web site's script does, without SMTP."""
        self._accept(sender, recipients, message.as_bytes(policy=CRLF))

    async def queue(self) -> list[dict[str, Any]]:
        """Every queue entry, with the names that `postqueue -j` has."""
        return [
            {
                "queue_name": entry.queue,
                "queue_id": entry.queue_id,
                "arrival_time": int(entry.arrived_at.timestamp()),
                "message_size": len(entry.content),
                "sender": entry.sender,
                "recipients": [{"address": each} for each in entry.recipients],
            }
            for entry in self._queue.values()
        ]

    def delivered(self) -> list[EmailMessage]:
        """The messages for the local domain."""
        return list(self._delivered)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The verb that aiosmtpd calls with a whole message."""
        content = envelope.original_content
        assert content is not None  # aiosmtpd sets it before it calls
        self._accept(envelope.mail_from or "", envelope.rcpt_tos, content)
        return "250 2.0.0 taken"

    async def __aenter__(self) -> Self:
        self._server = await listen(self, self.hostname)
        self._sending = asyncio.create_task(self._send_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()
        # Python 3.11's wait_for, within aiosmtplib, now and then swallows a cancellation.
        self._closing = True
        self._sending.cancel()
        with suppress(asyncio.CancelledError):
            await self._sending

    def _accept(self, sender: str, recipients: list[str], content: bytes) -> None:
        local = [each for each in recipients if self._is_local(each)]
        remote = [each for each in recipients if not self._is_local(each)]
        if local:
            parser = BytesParser(_class=EmailMessage, policy=default)
            self._delivered += [parser.parsebytes(content) for _ in local]
        if remote:
            entry = _Entry(
                queue_id=secrets.token_hex(8).upper(), sender=sender, recipients=remote,
                content=content, arrived_at=datetime.now(UTC),
            )  # fmt: skip
            self._queue[entry.queue_id] = entry
            self._work.set()

    def _is_local(self, recipient: str) -> bool:
        return recipient.rpartition("@")[2].lower() == self.local_domain

    async def _send_for_ever(self) -> None:
        while True:
            self._work.clear()
            for entry in list(self._queue.values()):
                async with self._passing:
                    there = self._queue.get(entry.queue_id) is entry and not self._closing
                    if there and entry.queue != "hold":
                        await self._pass(entry)
            if self._closing:
                return
            waits = any(each.queue != "hold" and not each.stopped for each in self._queue.values())
            with suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS if waits else None):
                    await self._work.wait()

    async def _pass(self, entry: _Entry) -> None:
        """Send one message on, or leave it in the queue."""
        measure = in_charge(self._in_force, entry.sender)
        entry.stopped = measure is not None and measure.restriction.measure in HOLDS
        if entry.stopped:
            entry.queue = "deferred"
            return
        smarthost = measure.smarthost if measure else None
        try:
            await _send(smarthost or self.next_hop, entry.sender, entry.recipients, entry.content)
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("deferred", extra={"queue_id": entry.queue_id, "why": str(error)})
            entry.queue = "deferred"
            return
        del self._queue[entry.queue_id]
        if measure is not None:
            self._relayed[measure.key] = self._relayed.get(measure.key, 0) + 1


class _Commanded:
    """The host as a `MailServer` (agents/holding.py)."""

    name = "embedded mail host"
    can = frozenset({Measure.HOLD_DOMAIN, Measure.HOLD_SERVER, Measure.SMARTHOST_REDIRECT})

    def __init__(self, host: EmbeddedHost) -> None:
        self._host = host

    async def enforce(self, in_force: tuple[Desired, ...]) -> str:
        for measure in in_force:
            if measure.restriction.measure not in HOLDS and ":" not in (measure.smarthost or ""):
                raise CannotCarryOut(f'"{measure.smarthost}" is no smarthost; expected host:port')
        if in_force != self._host._in_force:
            async with self._host._passing:
                self._host._in_force = in_force
            self._host._work.set()
        return ""

    async def queued(self) -> list[Queued]:
        return [
            Queued(
                message=HeldMessage(
                    queue_id=entry.queue_id, sender=entry.sender,
                    recipients=len(entry.recipients), bytes=len(entry.content),
                    arrived_at=entry.arrived_at,
                ),
                on_hold=entry.queue == "hold",
                outbound=entry.queue == "deferred",
                stopped=entry.queue == "deferred" and entry.stopped,
            )
            for entry in self._host._queue.values()
        ]  # fmt: skip

    async def hold(self, queue_ids: Collection[str]) -> None:
        await self._move(queue_ids, "hold")

    async def release(self, queue_ids: Collection[str]) -> None:
        await self._move(queue_ids, "active")

    async def discard(self, queue_ids: Collection[str]) -> None:
        async with self._host._passing:
            for queue_id in queue_ids:
                self._host._queue.pop(queue_id, None)

    async def relayed(self, measure: Desired) -> Relayed:
        return Relayed(messages=self._host._relayed.get(measure.key, 0))

    async def _move(self, queue_ids: Collection[str], queue: str) -> None:
        async with self._host._passing:
            for queue_id in self._host._queue.keys() & set(queue_ids):
                self._host._queue[queue_id].queue = queue
        self._host._work.set()


async def _send(to: str, sender: str, recipients: list[str], content: bytes) -> None:
    host, _, port = to.rpartition(":")
    async with aiosmtplib.SMTP(
        hostname=host, port=int(port), start_tls=False, timeout=_SECONDS
    ) as smtp:
        await smtp.sendmail(sender, recipients, content)
