"""Writing to the direct client: composed once, kept, handed to the provider's mail server."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import aiosmtplib
from asyncpg import Connection, Pool
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import letters
from activities.smtp import MailServer, as_text
from activities.xarf_report import xarf_of
from book.console import links
from book.database import transaction
from book.incident import incidents
from book.letters import deliveries, notices
from book.letters.deliveries import Delivery
from book.letters.notices import Sender, Written
from domain.letters.correspondence import envelope_id, return_path
from domain.steps import NoticeSent, SendNotice
from templates.render import render_notice


class NoticeRefused(ApplicationError):
    """No contact of the client can be reached by mail; tell them by other means."""

    def __init__(self, words: str) -> None:
        super().__init__(f"refused for good: {words}", type="NoticeRefused", non_retryable=True)


@dataclass(frozen=True)
class Notices:
    """The verb on `pool` and `mail_server`. `portal_url` makes an incident's link, of the issue.

    `bounces` is the address that what cannot be delivered comes back to, each letter's with a
    detail of its own; None: to where answers go.
    """

    pool: Pool
    mail_server: MailServer
    sender: Sender
    portal_url: Callable[[str, int], str]
    bounces: str | None = None

    @activity.defn(name="send_notice")
    async def send_notice(self, what: SendNotice) -> NoticeSent:
        """Write a notice, and have the mail server take it for the first contact that it can.

        A retry hands over the very same letter under the same Message-ID (RFC 5322 §3.6.4): if
        the server had taken it just before we died, the client may get it twice, never not at all.
        """
        letter = await self._written(what)
        while True:
            delivery = await self._delivery(what, letter)
            if not delivery.taken and not await self._taken(what, letter, delivery):
                continue
            return NoticeSent(
                message_id=delivery.message_id, recipients=1, contact=delivery.contact
            )

    async def _delivery(self, what: SendNotice, letter: Written) -> Delivery:
        """Who it goes to now. Raises NoticeRefused when nobody is left."""
        async with transaction(self.pool) as connection:
            if (before := await deliveries.current(connection, letter.key)) is not None:
                return before
            found = await deliveries.next_contact(connection, letter.key)
            if found is None:
                words = await deliveries.failures(connection, what.incident)
                raise NoticeRefused("; ".join(words))
            # Another attempt may have begun it while we waited for the letter.
            if (before := await deliveries.current(connection, letter.key)) is not None:
                return before
            contact, first = found
            key = what.key if first else f"{what.key} {contact}"
            delivery = Delivery(
                message_id=letters.message_id(key, self.sender), contact=contact, taken=False
            )
            await deliveries.begin(connection, letter.key, delivery)
            return delivery

    async def _taken(self, what: SendNotice, letter: Written, delivery: Delivery) -> bool:
        """Whether the mail server has taken it; False when this contact is refused for good."""
        back_to = self.sender.reply_to
        if self.bounces is not None:
            back_to = return_path(self.bounces, delivery.message_id)
        try:
            response = await self.mail_server.hand_over(
                letters.message(what.incident, letter, delivery, self.sender),
                back_to,
                delivery.contact,
                envelope_id(delivery.message_id),
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if (words := _refused_for_good(error)) is None:
                raise
            async with transaction(self.pool) as connection:
                await deliveries.fail(connection, delivery.message_id, words)
            return False
        except aiosmtplib.SMTPException as error:
            if (words := _refused_for_good(error)) is not None:
                raise NoticeRefused(words) from error
            raise
        async with self.pool.acquire() as connection:
            await deliveries.taken(connection, delivery.message_id, response)
        return True

    async def _written(self, what: SendNotice) -> Written:
        async with self.pool.acquire() as connection:
            if (before := await notices.kept(connection, what.key)) is not None:
                return before
            written = await self._write(connection, what)
            if await notices.keep(connection, what.incident, what.notice, written):
                return written
            # Another attempt, given up and still alive, has written it in the same moment.
            return await notices.kept(connection, what.key) or written

    async def _write(self, connection: Connection, what: SendNotice) -> Written:
        who = await incidents.parties(connection, what.incident)
        facts = await notices.facts(
            connection,
            who,
            self.sender,
            portal_url=self.portal_url(what.incident, await links.issue(connection, what.incident)),
            deadline=what.deadline,
            measure=what.measure,
            upcoming=what.upcoming,
            reasons=what.reasons,
        )
        letter = render_notice(what.notice, who.client.language, facts)
        return Written(
            key=what.key,
            message_id=letters.message_id(what.key, self.sender),
            subject=letter.subject,
            summary=letter.summary,
            text=letter.text,
            html=letter.html,
            written_at=datetime.now(UTC),
            link=facts.portal_url if facts.portal_url in letter.text else None,
            in_reply_to=await notices.latest(connection, what.incident),
            xarf=xarf_of(facts, what.key) if what.notice.complains else None,
        )


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
