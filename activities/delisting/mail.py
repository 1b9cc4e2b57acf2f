"""By mail, from the provider's own address, through its own mail server."""

import hashlib
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from activities.delisting.port import NotTaken
from activities.smtp import MailServer, as_text
from book.blocklists.delisting import Asked
from domain.blocklists.blocklist import By

_HEAD = "Subject: "
_NAMED = 3
"""Addresses in a subject."""


@dataclass(frozen=True)
class ByMail:
    """A plain message: lists read these by program or by the hundred.

    It is no automatic reply, and a person answers for it: no `Auto-Submitted` (RFC 3834 §5).
    """

    mail_server: MailServer
    provider: str
    reply_to: str
    by: By = By.MAIL

    def written(self, asked: Asked) -> str:
        return f"{_HEAD}{_subject(asked)}\n\n{asked.sent}"

    async def file(self, asked: Asked) -> str:
        """What the mail server said, which takes it; a refusal for good is NotTaken.

        The same letter again has the same Message-ID (RFC 5322 §3.6.4).
        """
        try:
            return await self.mail_server.hand_over(
                self._message(asked), self.reply_to, asked.sent_to
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            [refused] = error.recipients
            if refused.code < 500:
                raise
            raise NotTaken(_refused(refused.code, refused.message)) from error
        except (
            aiosmtplib.SMTPAuthenticationError,
            aiosmtplib.SMTPConnectResponseError,
            aiosmtplib.SMTPHeloError,
        ):
            raise  # our own set-up, which a person mends
        except aiosmtplib.SMTPResponseException as error:
            if error.code < 500:
                raise
            raise NotTaken(_refused(error.code, error.message)) from error

    def _message(self, asked: Asked) -> EmailMessage:
        subject, _, text = asked.sent.removeprefix(_HEAD).partition("\n\n")
        message = EmailMessage()
        message["From"] = Address(self.provider, addr_spec=self.reply_to)
        message["To"] = Address(addr_spec=asked.sent_to)
        message["Subject"] = subject
        message["Date"] = format_datetime(asked.written_at)
        digest = hashlib.sha256(asked.key.encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{digest}@{self.reply_to.rpartition('@')[2]}>"
        message.set_content(text)
        return message


def _refused(code: int, message: str) -> str:
    return as_text(f"the mail was refused: {code} {message}")


def _subject(asked: Asked) -> str:
    """The list's own name of the listing first: it is what their programs sort by."""
    named = ", ".join(asked.subjects[:_NAMED])
    more = len(asked.subjects) - _NAMED
    return " ".join(filter(None, (asked.reference, named, f"and {more} more" if more > 0 else "")))
