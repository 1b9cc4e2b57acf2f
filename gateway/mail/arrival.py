"""Mail that has arrived, put on record: the same for every way that it can come."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message

import asyncpg

from book.database import LOST
from book.intake.intake import Accepted, Received
from domain.intake.complaints import Complaint, canonical_domain
from domain.letters.correspondence import Answer
from gateway.formats.headers import Fields, split
from gateway.formats.port import NotUnderstood, is_mail, understand
from gateway.mail.answers import read_answer

log = logging.getLogger("plazo.mail")

MEDIA_TYPE = "message/rfc822"

PATIENCE = 20.0
"""Seconds until a message is on record. Mail servers wait for minutes (RFC 5321 §4.5.3.2.6)."""

_AWAY = (*LOST, asyncpg.InsufficientResourcesError, asyncpg.TransactionRollbackError)
"""PostgreSQL is not there, is going, is full, or asks to try again."""

_ANSWERS = {
    "delivery-status": "a delivery status notification (RFC 3464)",
    "disposition-notification": "a disposition notification (RFC 8098)",
}
"""They come back for mail that somebody sent, and hold a copy of it that is nobody's complaint."""

Accept = Callable[[Received], Awaitable[Accepted]]
"""Puts a report on record, committed when it returns: `Intake.accept` of `book.intake`."""

File = Callable[[Answer, bytes, str], Awaitable[str | None]]
"""Puts mail about a letter of ours on record, with its bytes and media type, and names its
incident; None if the letter is not ours: `keep` of `book.correspondence`."""

Keep = Callable[[bytes, str], Awaitable[Accepted]]
"""`Mailroom.keep`: a message and its envelope sender."""


class NotKept(Exception):
    """The book of record cannot be reached. Nothing is lost if the same comes again later."""


class Mailroom:
    """Puts mail on record, each message once: the same bytes from the same domain are one report.

    Who sent it is the word of its envelope and no more. It is on record as `mail:DOMAIN`, which no
    reporter with a key of its own can be called.
    """

    def __init__(
        self, accept: Accept, *, answers: File | None = None, patience: float = PATIENCE
    ) -> None:
        self._accept = accept
        self._answers = answers
        self._patience = patience

    async def keep(self, content: bytes, sender: str) -> Accepted:
        """Put a message on record; committed when this returns. `sender` is of the envelope.

        Raises NotKept while the book of record is away.
        """
        received_at = datetime.now(UTC)
        # Reading thirty megabytes takes a while, and other mail goes on meanwhile.
        answer = await asyncio.to_thread(read_about_us, content, sender)
        try:
            async with asyncio.timeout(self._patience):
                if answer is not None and self._answers is not None:
                    incident = await self._answers(answer, content, MEDIA_TYPE)
                    if incident is not None:
                        return Accepted(reports=(), incidents=(incident,))
        except _AWAY as error:
            raise NotKept(str(error) or type(error).__name__) from error
        complaints, unread = await asyncio.to_thread(read_mail, content, received_at)
        try:
            async with asyncio.timeout(self._patience):
                return await self._keep(content, sender, complaints, unread)
        except _AWAY as error:
            raise NotKept(str(error) or type(error).__name__) from error

    async def _keep(
        self, content: bytes, sender: str, complaints: tuple[Complaint, ...], unread: str | None
    ) -> Accepted:
        received = Received(
            id=identity(content),
            reporter=reporter(sender),
            content=content,
            media_type=MEDIA_TYPE,
            # Anybody can write a letter that says a million: each counts as one message.
            complaints=tuple(replace(each, volume=1) for each in complaints),
            unread=unread,
        )
        try:
            return await self._accept(received)
        except asyncpg.DataError as error:
            if unread is not None:
                raise
            why = f"what it says cannot be put on record: {error}"
            return await self._keep(content, sender, (), why)


def read_about_us(content: bytes, sender: str) -> Answer | None:
    """What a message says about a letter of ours; None if it names none, or cannot be read."""
    try:
        return read_answer(content, identity(content), sender)
    except Exception:
        # A fault of ours: a person reads it, as any mail that is no report.
        log.exception("reading failed", extra={"bytes": len(content)})
        return None


def read_mail(content: bytes, received_at: datetime) -> tuple[tuple[Complaint, ...], str | None]:
    """What a message complains about; or, if no format understands it, why a person has to."""
    try:
        return read(content, MEDIA_TYPE, received_at)
    except NotUnderstood as error:
        return (), str(error)
    except Exception as error:
        # A fault of ours is no reason to turn mail away: its sender cannot mend it.
        log.exception("reading failed", extra={"bytes": len(content)})
        return (), f"reading it failed: {type(error).__name__}"


def read(
    content: bytes, media_type: str, received_at: datetime
) -> tuple[tuple[Complaint, ...], str | None]:
    """The same of what may be something else than mail. Raises NotUnderstood if it can be refused.

    What answers mail of ours is not given to any format: a bounce has a copy of a notice in it.
    """
    if is_mail(content) and (what := _answer(split(content)[0])) is not None:
        return (), f"{what}, no report"
    try:
        return understand(content, media_type, received_at), None
    except NotUnderstood as error:
        if not error.for_a_person:
            raise
        return (), str(error)


def identity(content: bytes) -> str:
    """The id of a report whose sender gave it none: the same bytes are the same report."""
    return hashlib.sha256(content).hexdigest()[:32]


def reporter(sender: str) -> str:
    """Whom a message is on record from, by its envelope sender, which is empty for a bounce."""
    domain = canonical_domain(sender.strip("<> ").rpartition("@")[2])
    return f"mail:{domain or 'unknown'}"


def _answer(fields: Fields) -> str | None:
    """What a message is if it answers mail that was sent from here; None if it may be a report.

    A null envelope sender tells nothing: feedback loops use it too.
    """
    about = Message()
    about["Content-Type"] = fields.first("content-type") or "text/plain"
    kind = str(about.get_param("report-type", "")).lower()
    if kind in _ANSWERS:
        return _ANSWERS[kind]
    if not kind and fields.first("auto-submitted").lower().startswith("auto-replied"):
        return "an automatic answer (RFC 3834)"
    return None
