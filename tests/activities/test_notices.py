"""Writing to the client: one letter, handed over until it is taken or refused for good."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32
from email.utils import parseaddr

import aiosmtplib
import pytest
import pytest_asyncio
import xarf
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.notices import NoticeRefused, Notices
from activities.smtp import MailServer
from book.clientele import clients
from book.letters.notices import Sender
from domain.letters.notices import Notice
from domain.parties import Language
from domain.steps import NoticeSent, SendNotice
from gateway.formats.xarf import Xarf
from tests.activities.mail_servers import Picky, speaking_bytes
from tests.book.provider import (
    ADDRESS,
    HOLD,
    INCIDENT,
    a_clientele,
    an_incident,
    parties_of,
    reported,
)  # fmt: skip

pytestmark = pytest.mark.real

FIRST, SECOND = "abuse@aurora.example", "soporte@aurora.example"
DEADLINE = SendNotice(
    incident=INCIDENT,
    key=f"{INCIDENT}/notice/1",
    notice=Notice.DEADLINE,
    deadline=datetime(2027, 1, 4, 10, tzinfo=UTC),
    upcoming=HOLD,
    reasons=("first incident: the whole deadline",),
)


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Picky]:
    async with Picky() as inbox:
        yield inbox


def notices(pool: Pool, address: str) -> Notices:
    return Notices(
        pool=pool,
        mail_server=MailServer.at(f"smtp://{address}"),
        sender=Sender(provider="Proveedor Ñandú, S.L.", reply_to="abuse@provider.example"),
        portal_url=lambda incident, issue: f"https://plazo.provider.example/c/{incident}.{issue}",
    )


async def sent(pool: Pool, address: str, what: SendNotice = DEADLINE) -> NoticeSent:
    answer = await ActivityEnvironment().run(notices(pool, address).send_notice, what)
    assert isinstance(answer, NoticeSent)
    return answer


async def two_contacts(
    pool: Pool, name: str = "Aurora", *, language: Language = Language.ES
) -> None:
    """An incident whose client reads mail at two addresses."""
    await an_incident(pool)
    clientele = a_clientele()
    [client] = clientele.clients
    client = replace(client, name=name, contacts=(FIRST, SECOND), language=language)
    await clients.keep(pool, replace(clientele, clients=(client,)))


async def on_record(pool: Pool) -> tuple[bool, str | None]:
    """Whether the letter counts as sent, and what the mail server said."""
    row = await pool.fetchrow("SELECT sent_at IS NOT NULL AS sent, response FROM notices")
    assert row is not None
    return row["sent"], row["response"]


async def test_a_letter_has_what_mail_programs_go_by(database: Pool, inbox: Picky) -> None:
    await two_contacts(database)
    answer = await sent(database, inbox.address)
    [letter] = inbox.messages
    message = letter.message
    assert letter.sender == "abuse@provider.example"
    assert letter.recipients == (FIRST,)
    assert answer == NoticeSent(message_id=message["Message-ID"], recipients=1, contact=FIRST)
    assert message["From"].addresses[0].display_name == "Proveedor Ñandú, S.L."
    assert [each.addr_spec for each in message["To"].addresses] == [FIRST]
    assert message["Message-ID"].endswith("@provider.example>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "<abuse-notices.provider.example>"
    assert message["Date"].datetime.utcoffset() is not None
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/json",
    ]  # fmt: skip
    text = message.get_body(("plain",))
    assert text is not None
    assert f"https://plazo.provider.example/c/{INCIDENT}" in text.get_content()
    assert await on_record(database) == (True, "2.0.0 taken")


async def test_all_letters_of_an_incident_are_one_thread(database: Pool, inbox: Picky) -> None:
    await two_contacts(database)
    for number, notice in enumerate((Notice.DEADLINE, Notice.REMINDER, Notice.RESTRICTED)):
        await sent(database, inbox.address, replace(DEADLINE, key=f"n/{number}", notice=notice))
    first, second, third = (letter.message for letter in inbox.messages)
    root = first["References"]
    assert first["In-Reply-To"] is None
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["References"] == f"{root} {first['Message-ID']}"
    assert third["In-Reply-To"] == second["Message-ID"]
    assert third["References"] == f"{root} {second['Message-ID']}"


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("provider", ["Proveedor Ñandú SL", "Plain, Inc.", "Ñ" * 60])
async def test_headers_are_cut_as_the_rfcs_want_it(
    database: Pool, inbox: Picky, language: Language, provider: str
) -> None:
    await two_contacts(database, language=language)
    domain = f"correo.{'proveedor-' * 5}de-alojamiento.example"
    sender = Sender(provider=provider, reply_to=f"abuse@{domain}")
    ours = replace(notices(database, inbox.address), sender=sender)
    for notice in Notice:
        what = replace(DEADLINE, key=notice, notice=notice)
        await ActivityEnvironment().run(ours.send_notice, what)
    rows = await database.fetch("SELECT subject, body, html FROM notices ORDER BY written_at")
    assert inbox.subjects() == [row["subject"] for row in rows]
    for letter, row in zip(inbox.messages, rows, strict=True):
        for kind, written in (("plain", row["body"]), ("html", row["html"])):
            part = letter.message.get_body((kind,))
            assert part is not None
            assert part.get_content().replace("\r\n", "\n") == written
        # The newer parser takes the blank between two encoded words of a name for one of its own.
        sender_line = message_from_bytes(letter.content, policy=compat32)["From"]
        name, _ = parseaddr(str(make_header(decode_header(sender_line))))
        assert name == provider or f'"{provider}"' in sender_line
        assert letter.content.isascii()
        head = letter.content.partition(b"\r\n\r\n")[0].decode()
        for word in re.findall(r"=\?[^?]+\?[bqBQ]\?[^?]*\?=", head):
            assert len(word) <= 75  # RFC 2047 §2
        for line in head.split("\r\n"):
            assert len(line) <= 76 or "=?" not in line
            assert line.split(":")[-1].strip() or not line.startswith(("Subject", "From"))
        ids = re.findall(r"^(?:Message-ID|References|In-Reply-To): (.*)$", head, re.MULTILINE)
        assert all(each.strip().endswith(f"@{domain}>") for each in ids)


async def test_what_a_report_says_is_no_markup(database: Pool, inbox: Picky) -> None:
    await two_contacts(database, name="<b>Aurora</b> & co")
    await reported(database, "r-2", headers=("Subject: <script>alert(1)</script>",))
    await sent(database, inbox.address)
    [letter] = inbox.messages
    html = letter.message.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()
    assert "<b>Aurora" not in html.get_content()


async def test_a_letter_that_was_taken_is_not_handed_over_again(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)
    assert await sent(database, inbox.address) == await sent(database, inbox.address)
    assert len(inbox.messages) == 1


async def test_a_letter_that_is_put_off_is_handed_over_again_as_it_was(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)
    inbox.to_data = ["451 4.3.0 later", "421 4.3.2 going down"]
    for code in (451, 421):
        with pytest.raises(aiosmtplib.SMTPResponseException) as put_off:
            await sent(database, inbox.address)
        assert put_off.value.code == code
        assert await on_record(database) == (False, None)
    # What has happened since does not get into a letter that is written already.
    await reported(database, "r-2", volume=900)
    await sent(database, inbox.address)
    first, second, third = (letter.content for letter in inbox.messages)
    assert first == second == third


async def test_a_server_that_is_down_is_tried_again(database: Pool, inbox: Picky) -> None:
    await two_contacts(database)
    async with Picky() as gone:
        nobody = gone.address
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await sent(database, nobody)
    await sent(database, inbox.address)
    assert len(inbox.messages) == 1


@pytest.mark.parametrize(
    ("to_recipients", "to_data"),
    [
        ({FIRST: "550 5.1.1 no such user", SECOND: "550 5.7.1 not you"}, []),
        ({}, ["554 5.7.1 looks like spam"]),
    ],
)
async def test_a_refusal_for_good_is_said_as_such(
    database: Pool, inbox: Picky, to_recipients: dict[str, str], to_data: list[str]
) -> None:
    await two_contacts(database)
    inbox.to_recipients, inbox.to_data = to_recipients, to_data
    with pytest.raises(NoticeRefused) as refused:
        await sent(database, inbox.address)
    assert refused.value.non_retryable
    assert refused.value.type == "NoticeRefused"
    for answer in (*to_recipients.values(), *to_data):
        assert answer[4:] in str(refused.value)
    assert await on_record(database) == (False, None)


async def test_as_long_as_one_contact_is_only_put_off_it_is_tried_again(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)
    inbox.to_recipients = {FIRST: "550 5.1.1 no such user", SECOND: "450 4.2.0 greylisted"}
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await sent(database, inbox.address)


async def test_a_contact_that_is_refused_is_followed_by_the_next_and_the_desk_hears_of_it(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)
    inbox.to_recipients = {FIRST: "550 5.1.1 no such user"}
    answer = await sent(database, inbox.address)
    [letter] = inbox.messages
    assert (letter.recipients, answer.contact) == ((SECOND,), SECOND)
    assert answer.message_id == letter.message["Message-ID"]
    assert await on_record(database) == (True, "2.0.0 taken")
    rows = await database.fetch("SELECT contact, why, message_id FROM deliveries ORDER BY begun_at")
    assert [(row["contact"], row["why"]) for row in rows] == [
        (FIRST, "550 5.1.1 no such user"), (SECOND, None),
    ]  # fmt: skip
    assert len({row["message_id"] for row in rows}) == 2
    [task] = await database.fetch("SELECT * FROM tasks")
    assert (task["kind"], task["about"]) == ("notice_bounced", FIRST)
    assert "no such user" in task["detail"]


async def test_an_address_that_has_failed_is_not_written_to_again(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)
    inbox.to_recipients = {FIRST: "550 5.1.1 no such user"}
    await sent(database, inbox.address)
    inbox.to_recipients = {}
    await sent(database, inbox.address, replace(DEADLINE, key="n/2", notice=Notice.REMINDER))
    assert [letter.recipients for letter in inbox.messages] == [(SECOND,), (SECOND,)]
    assert await database.fetchval("SELECT count(*) FROM tasks") == 1


async def test_what_comes_back_has_the_letters_own_address_if_there_is_one(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)
    ours = replace(notices(database, inbox.address), bounces="bounces@provider.example")
    answer = await ActivityEnvironment().run(ours.send_notice, DEADLINE)
    [letter] = inbox.messages
    left = answer.message_id.strip("<>").partition("@")[0]
    assert letter.sender == f"bounces+{left}@provider.example"


async def test_a_clients_abuse_system_can_take_it_in(database: Pool, inbox: Picky) -> None:
    await two_contacts(database)
    await reported(database, "r-2", headers=("Subject: watches",), domain="shop.example")
    await sent(database, inbox.address)
    [letter] = inbox.messages
    [part] = letter.message.iter_attachments()
    content = part.get_content()
    assert xarf.parse(content.decode()).errors == []
    assert part.get_filename() == "xarf.json"
    # Our own reader takes it in too, as anybody's would.
    [complaint] = Xarf().read(content, datetime.now(UTC))
    assert complaint.address == ADDRESS
    told = json.loads(content)
    assert (told["category"], told["type"]) == ("messaging", "spam")
    assert INCIDENT in told["description"]


@pytest.mark.parametrize("notice", [Notice.APOLOGY, Notice.RELEASED, Notice.FINAL_REPORT])
async def test_a_letter_that_complains_of_nothing_is_no_report(
    database: Pool, inbox: Picky, notice: Notice
) -> None:
    await two_contacts(database)
    await sent(database, inbox.address, replace(DEADLINE, notice=notice))
    assert list(inbox.messages[0].message.iter_attachments()) == []


async def test_a_letter_names_the_likely_cause_and_the_hosts_platform(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)
    await database.execute("UPDATE hosts SET platform = 'plesk'")
    await reported(database, "r-2", headers=("X-PHP-Originating-Script: 33:mailer.php",))
    await sent(database, inbox.address)
    body = inbox.messages[0].message.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    assert "Causa probable: un script, o el complemento o tema de un sitio web" in text
    assert "| X-PHP-Originating-Script: 33:mailer.php" in text
    assert "/var/www/vhosts" in text


async def test_a_server_that_does_not_want_us_has_not_refused_the_letter(database: Pool) -> None:
    await two_contacts(database)
    async with speaking_bytes(greeting=b"554 5.3.2 no service here") as (address, _):
        with pytest.raises(aiosmtplib.SMTPConnectResponseError):
            await sent(database, address)


async def test_an_answer_in_other_bytes_than_utf8_is_no_reason_to_send_it_again(
    database: Pool,
) -> None:
    await two_contacts(database)
    async with speaking_bytes(to_data="250 aceptado, señor\0".encode("latin-1")) as (address, got):
        await sent(database, address)
        await sent(database, address)
    assert got.count(b"DATA\r\n") == 1
    assert await on_record(database) == (True, "aceptado, se\ufffdor\ufffd")


async def test_two_attempts_at_once_hand_over_the_very_same_letter(
    database: Pool, inbox: Picky
) -> None:
    await two_contacts(database)

    await asyncio.gather(*(sent(database, inbox.address) for _ in range(4)))
    assert len({letter.content for letter in inbox.messages}) == 1
    assert (await parties_of(database, INCIDENT)).client.contacts == (FIRST, SECOND)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("127.0.0.1:25", "no scheme"),
        ("smtp://:25", "no host"),
        ("smtp://mx.example:port", "no usable port"),
        ("smtp://user:pa55word@mx.example", "in the clear"),
        ("user:pa55word@mx.example", "no scheme"),
        ("submission://user:pa55#word@mx.example", "no usable port"),
        ("submission://user:pa55/word@mx.example:587", "no usable port"),
        ("smtp://[mx.example:25", "no usable host"),
    ],
)
def test_a_wrong_address_is_explained_and_its_password_is_not_shown(url: str, why: str) -> None:
    with pytest.raises(ValueError, match="expected smtp://HOST:PORT") as refused:
        MailServer.at(url)
    assert why in str(refused.value)
    assert "pa55" not in str(refused.value)
    assert "word" not in str(refused.value).replace("a password that would travel", "")


def test_a_password_is_read_as_it_was_meant_and_not_shown() -> None:
    server = MailServer.at("submission://us%40er:p%23ss@mx.example")
    assert (server.user, server.password, server.port) == ("us@er", "p#ss", 587)
    assert "p#ss" not in repr(server)
