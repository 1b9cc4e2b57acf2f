"""The demo's smarthost: what it hands on, what it counts, and what it does not take."""

from email.message import EmailMessage

import aiosmtplib
import pytest

from workers.demo.inbox import Inbox
from workers.demo.smarthost import Smarthost

pytestmark = pytest.mark.real


class PickyInbox(Inbox):
    """Takes mail for some."""

    async def handle_RCPT(
        self, server: object, session: object, envelope: object, address: str, options: list[str]
    ) -> str:
        if address.startswith("gone"):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 2.1.5 fine"


def a_message() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "shop@shop.example"
    message["Subject"] = "Hello"
    message.set_content("Hello.")
    return message


async def send(smarthost: Smarthost, sender: str, *recipients: str) -> None:
    await aiosmtplib.send(
        a_message(), sender=sender, recipients=list(recipients), hostname="127.0.0.1",
        port=smarthost.port, start_tls=False,
    )  # fmt: skip


async def test_mail_is_handed_on_and_counted_by_the_senders_domain() -> None:
    async with Inbox() as inbox, Smarthost(next_hop=inbox.address) as smarthost:
        await send(smarthost, "a@Shop.example", "x@mailbox.example", "y@mailbox.example")
        await send(smarthost, "b@shop.example", "x@mailbox.example")
        await send(smarthost, "c@tienda.example", "x@mailbox.example")

        assert smarthost.relayed == {"shop.example": 2, "tienda.example": 1}
        first = inbox.messages[0]
        assert first.sender == "a@Shop.example"
        assert first.recipients == ("x@mailbox.example", "y@mailbox.example")
        assert first.subject == "Hello"
        assert "by smarthost.example" in first.message["Received"]


async def test_what_the_next_hop_refuses_is_refused_and_not_counted() -> None:
    async with PickyInbox() as inbox, Smarthost(next_hop=inbox.address) as smarthost:
        with pytest.raises(aiosmtplib.SMTPDataError, match="nobody of that name") as refused:
            await send(smarthost, "a@shop.example", "gone@mailbox.example")

        assert refused.value.code == 550
        assert smarthost.relayed == {}


async def test_a_refused_recipient_among_others_is_named_to_the_sender() -> None:
    async with PickyInbox() as inbox, Smarthost(next_hop=inbox.address) as smarthost:
        with pytest.raises(aiosmtplib.SMTPDataError, match=r"refused: gone@mailbox\.example"):
            await send(smarthost, "a@shop.example", "x@mailbox.example", "gone@mailbox.example")

        assert inbox.messages[0].recipients == ("x@mailbox.example",)
        assert smarthost.relayed == {"shop.example": 1}


async def test_while_the_next_hop_is_gone_the_sender_is_told_to_try_again() -> None:
    async with Inbox() as inbox:
        next_hop = inbox.address
    async with Smarthost(next_hop=next_hop) as smarthost:
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await send(smarthost, "a@shop.example", "x@mailbox.example")

    assert refused.value.code == 451
    assert smarthost.relayed == {}
