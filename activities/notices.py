"""Writing to the direct client: composed once, kept, handed to the provider's mail server."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib
from asyncpg import Pool
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.smtp import MailServer, as_text
from book import incidents, notices
from book.notices import Sender, Written
from domain.steps import NoticeSent, SendNotice
from templates.render import render_notice


class NoticeRefused(ApplicationError):
    """The mail server refuses every contact of the client for good; tell them by other means."""

    def __init__(self, words: str) -> None:
        super().__init__(f"refused for good: {words}", type="NoticeRefused", non_retryable=True)


@dataclass(frozen=True)
class Notices:
    """The verb on `pool` and `mail_server`. `portal_url` makes an incident's link."""

    pool: Pool
    mail_server: MailServer
    sender: Sender
    portal_url: Callable[[str], str]

    @activity.defn(name="send_notice")
    async def send_notice(self, what: SendNotice) -> NoticeSent:
        """Write a notice and have the mail server take it.

        A retry hands over the very same letter under the same Message-ID (RFC 5322 §3.6.4): if
        the server had taken it just before we died, the client may get it twice, never not at all.
        """
        letter = await self._written(what)
        if letter.sent_at is None:
            try:
                response = await self.mail_server.hand_over(
                    self._message(what.incident, letter),
                    self.sender.reply_to,
                    letter.recipients,
                )
            except aiosmtplib.SMTPException as error:
                if (words := _refused_for_good(error)) is not None:
                    raise NoticeRefused(words) from error
                raise
            async with self.pool.acquire() as connection:
                await notices.sent(connection, what.key, response)
        return NoticeSent(message_id=letter.message_id, recipients=len(letter.recipients))

    async def _written(self, what: SendNotice) -> Written:
        async with self.pool.acquire() as connection:
            if (before := await notices.kept(connection, what.key)) is not None:
                return before
            who = await incidents.parties(connection, what.incident)
            facts = await notices.facts(
                connection,
                who,
                self.sender,
                portal_url=self.portal_url(what.incident),
                deadline=what.deadline,
                measure=what.measure,
                upcoming=what.upcoming,
                reasons=what.reasons,
            )
            letter = render_notice(what.notice, who.client.language, facts)
            written = Written(
                key=what.key,
                message_id=self._message_id(what.key),
                recipients=who.client.contacts,
                subject=letter.subject,
                text=letter.text,
                html=letter.html,
                written_at=datetime.now(UTC),
                sent_at=None,
            )
            if await notices.keep(connection, what.incident, what.notice, written):
                return written
            # Another attempt, given up and still alive, has written it in the same moment.
            return await notices.kept(connection, what.key) or written

    def _message_id(self, key: str) -> str:
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        return f"<{digest}@{self.sender.reply_to.rpartition('@')[2]}>"

    def _message(self, incident: str, letter: Written) -> EmailMessage:
        message = EmailMessage()
        message["From"] = Address(self.sender.provider, addr_spec=self.sender.reply_to)
        message["To"] = tuple(Address(addr_spec=contact) for contact in letter.recipients)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(letter.written_at)
        message["Message-ID"] = letter.message_id
        # One thread per incident, whichever letter comes first (RFC 5322 §3.6.4).
        message["References"] = self._message_id(incident)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        # Not by chance, as it would be: a letter that is handed over again is the same to the byte.
        message.set_boundary(hashlib.sha256(letter.message_id.encode()).hexdigest()[:32])
        return message


def _refused_for_good(error: aiosmtplib.SMTPException) -> str | None:
    """The server's words, where it says that the same letter will never be taken."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=refused):
            answers = [(one.code, one.message) for one in refused]
        case (
            aiosmtplib.SMTPAuthenticationError()
            | aiosmtplib.SMTPConnectResponseError()
            | aiosmtplib.SMTPHeloError()
        ):
            return None  # it has not seen the letter: our own set-up, which a person mends
        case aiosmtplib.SMTPResponseException(code=code, message=message):
            answers = [(code, message)]
        case _:
            return None
    if any(code < 500 for code, _ in answers):
        return None
    return as_text("; ".join(f"{code} {message}" for code, message in answers))
