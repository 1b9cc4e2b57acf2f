"""The listener for the abuse mailbox: what it takes, what it answers, and when."""

import asyncio
import re
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book.intake.intake import Accepted
from gateway.formats.port import LARGEST
from gateway.mail.arrival import NotKept
from gateway.mail.lmtp import MOST_RECIPIENTS, Listener
from tests.gateway.peer import a_peer

ABUSE, OTHER = "abuse@provider.example", "fbl@provider.example"
MESSAGE = b"From: fbl@far.example\r\nSubject: spam\r\n\r\nIt is.\r\n"


@dataclass
class Record:
    """Where mail is put on record. Takes its time while `open` is not set; fails as it is told."""

    mail: list[tuple[bytes, str]] = field(default_factory=list)
    fails: Exception | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, content: bytes, sender: str) -> Accepted:
        if self.fails is not None:
            raise self.fails
        self.came.set()
        await self.open.wait()
        self.mail.append((content, sender))
        return Accepted(reports=("r",), incidents=())


@asynccontextmanager
async def listening(**limits: Any) -> AsyncIterator[tuple[str, Record, Listener]]:
    record = Record()
    record.open.set()
    listener = Listener(record.keep, (ABUSE, OTHER), **limits)
    await listener.open("127.0.0.1", 0)
    try:
        yield listener.address, record, listener
    finally:
        record.open.set()
        await listener.close()


async def test_250_is_answered_only_when_the_message_is_on_record() -> None:
    async with listening() as (address, record, _), a_peer(address) as peer:
        record.open.clear()
        answer = asyncio.create_task(peer.delivers(MESSAGE, ABUSE, sender="fbl@far.example"))
        other = asyncio.create_task(an_exchange(address))
        assert await other == "250 2.1.5 mailbox"  # others are answered meanwhile
        assert not answer.done()
        record.open.set()
        assert (await answer)[:3] == "250"
        assert record.mail == [(MESSAGE, "fbl@far.example")]


async def an_exchange(address: str) -> str:
    async with a_peer(address) as peer:
        await peer.says("MAIL FROM:<a@b.example>")
        return await peer.says(f"RCPT TO:<{ABUSE}>")


@pytest.mark.parametrize(
    ("fault", "answer"), [(NotKept("away"), "451 4.3.0"), (ValueError("unforeseen"), "451 4.3.0")]
)
async def test_what_cannot_be_put_on_record_has_to_come_again(
    fault: Exception, answer: str
) -> None:
    async with listening() as (address, record, _), a_peer(address) as peer:
        record.fails = fault
        assert (await peer.delivers(MESSAGE, ABUSE)).startswith(answer)
        record.fails = None
        assert (await peer.delivers(MESSAGE, ABUSE))[:3] == "250"


@pytest.mark.parametrize(("greeting", "answers"), [("LHLO mx", 2), ("EHLO mx", 1), ("HELO mx", 1)])
async def test_each_recipient_has_its_answer_in_lmtp_and_all_together_in_smtp(
    greeting: str, answers: int
) -> None:
    async with listening() as (address, record, _), a_peer(address, greeting) as peer:
        heard = [await peer.delivers(MESSAGE, ABUSE, OTHER)]
        heard += [await peer.hears() for _ in range(answers - 1)]
        assert {each[:3] for each in heard} == {"250"}
        assert (await peer.says("NOOP")) == "250 OK"
        assert len(record.mail) == 1


async def test_refusals_have_an_answer_for_each_recipient_too() -> None:
    async with listening(most_held=10) as (address, _, _), a_peer(address) as peer:
        assert (await peer.delivers(MESSAGE, ABUSE, OTHER))[:3] == "452"
        assert (await peer.hears())[:3] == "452"
        assert (await peer.says("NOOP")) == "250 OK"


@pytest.mark.parametrize("address", ["ABUSE@Provider.Example", "abuse+aol@provider.example", OTHER])
async def test_an_abuse_address_is_taken_in_any_case_and_with_a_detail(address: str) -> None:
    async with listening() as (where, _, _), a_peer(where) as peer:
        assert (await peer.delivers(MESSAGE, address))[:3] == "250"


@pytest.mark.parametrize("address", ["info@provider.example", "abuse@far.example", "abuse", ""])
async def test_mail_for_others_is_refused(address: str) -> None:
    async with listening() as (where, record, _), a_peer(where) as peer:
        await peer.says("MAIL FROM:<a@b.example>")
        assert (await peer.says(f"RCPT TO:<{address}>"))[:3] == "550"
        assert (await peer.says("DATA"))[:3] == "503"
        assert record.mail == []


async def test_recipients_without_end_are_not_listed() -> None:
    async with listening() as (address, _, _), a_peer(address) as peer:
        await peer.says("MAIL FROM:<a@b.example>")
        for _ in range(MOST_RECIPIENTS):
            assert (await peer.says(f"RCPT TO:<{ABUSE}>"))[:3] == "250"
        assert (await peer.says(f"RCPT TO:<{ABUSE}>"))[:3] == "452"


async def test_a_message_that_is_announced_too_large_is_refused_at_once() -> None:
    async with listening() as (address, _, _), a_peer(address) as peer:
        assert (await peer.says(f"MAIL FROM:<a@b.example> SIZE={LARGEST + 1}"))[:3] == "552"
        assert (await peer.says(f"MAIL FROM:<a@b.example> SIZE={LARGEST}"))[:3] == "250"


async def test_a_message_that_is_too_large_is_refused_at_its_end() -> None:
    async with listening() as (address, record, _), a_peer(address) as peer:
        await peer.begins(ABUSE)
        line = b"x" * 1_000_000 + b"\r\n"
        for _ in range(LARGEST // len(line) + 1):
            await peer.sends(line)
        assert (await peer.says("."))[:3] == "552"
        assert (await peer.delivers(MESSAGE, ABUSE))[:3] == "250"
        assert [content for content, _ in record.mail] == [MESSAGE]


async def test_more_mail_than_there_is_memory_for_has_to_come_again() -> None:
    async with listening(most_held=200_000) as (address, record, _):
        async with a_peer(address) as slow, a_peer(address) as other:
            await slow.begins(ABUSE)
            await slow.sends(b"x" * 199_990 + b"\r\n")
            large = b"y" * 150_000 + b"\r\n"
            while (said := await other.delivers(large, ABUSE))[:3] == "250":
                continue  # the listener has not read the slow one's line yet
            assert said[:3] == "452"
            assert (await slow.says("."))[:3] == "250"
            assert (await other.delivers(MESSAGE, ABUSE))[:3] == "250"
        assert record.mail[-1][0] == MESSAGE


@pytest.mark.parametrize(
    "content",
    [
        b"x" * 300_000 + b"\r\n",
        b".\r\n..\r\n.x\r\n",
        b"bare\n.\nends\rnothing\r\n",
        b"\xff\xfe\x00 8 bits, and none\r\n",
        b"",
        b"." * 200_000 + b"\r\n",
        (b"y" * 65_535 + b"\r\n") * 3,
        (b"y" * 65_536 + b"\r\n") * 3,
    ],
)
async def test_content_is_taken_as_it_is(content: bytes) -> None:
    async with listening() as (address, record, _), a_peer(address) as peer:
        assert (await peer.delivers(content, ABUSE))[:3] == "250"
        assert record.mail[0][0] == content


_lines = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b".", b"..", b"", b"\n.", b"\r", b"\r."]),
        st.integers(65_525, 65_540).map(lambda size: b"." * size),
    ).filter(lambda line: b"\r\n" not in line),
    max_size=8,
)


@settings(deadline=None, max_examples=100)
@given(_lines)
def test_whatever_the_lines_are_they_arrive(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)

    async def deliver() -> bytes:
        async with listening() as (address, record, _), a_peer(address) as peer:
            await peer.delivers(content, ABUSE)
            return record.mail[0][0]

    assert asyncio.run(deliver()) == content


@pytest.mark.parametrize(
    ("path", "sender"),
    [
        ("<>", ""),
        ("<a..b@far.example>", "a..b@far.example"),
        ("<two words@far.example>", "two words@far.example"),
        ('<"a>b"@far.example>', '"a>b"@far.example'),
        ("<@relay.example,@mx.example:a@far.example>", "a@far.example"),
        ("<" + "v" * 500 + "@far.example>", "v" * 500 + "@far.example"),
        ("<ñu@ñandú.example> SMTPUTF8 BODY=8BITMIME", "ñu@ñandú.example"),
    ],
)
async def test_a_sender_is_taken_as_it_is(path: str, sender: str) -> None:
    async with listening() as (address, record, _), a_peer(address) as peer:
        assert (await peer.says(f"MAIL FROM:{path}"))[:3] == "250"
        await peer.says(f"RCPT TO:<{ABUSE}>")
        await peer.says("DATA")
        assert (await peer.says("."))[:3] == "250"
        assert record.mail == [(b"", sender)]


async def test_two_clients_of_the_standard_kind_get_mail_through() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "fbl@far.example", "Spam"
    message.set_content(".\nIt is.\n")
    async with listening() as (address, record, _):
        host, _, port = address.rpartition(":")
        await aiosmtplib.send(
            message, sender="a@b.example", recipients=[ABUSE], hostname=host, port=int(port),
            start_tls=False,
        )  # fmt: skip

        def by_lmtp() -> None:
            with smtplib.LMTP(host, int(port)) as client:
                client.send_message(message, "a@b.example", [ABUSE])

        await asyncio.to_thread(by_lmtp)
        assert len(record.mail) == 2
        assert len(set(record.mail)) == 1
        assert re.search(rb"\r\n\.\r\nIt is\.\r\n\Z", record.mail[0][0])


async def test_one_connection_too_many_is_sent_away_and_a_place_becomes_free() -> None:
    async with listening(connections=1) as (address, _, _):
        async with a_peer(address) as first:
            async with a_peer(address, "") as second:
                assert (await second.hears())[:3] == "421"
                assert await second.hears() == ""
            assert (await first.says("QUIT"))[:3] == "221"
            assert await first.hears() == ""
        async with a_peer(address) as third:
            assert (await third.delivers(MESSAGE, ABUSE))[:3] == "250"


async def test_who_says_nothing_is_hung_up_on() -> None:
    async with listening(idle=0.05) as (address, _, _), a_peer(address, "") as peer:
        assert (await peer.hears())[:3] == "220"
        assert await peer.hears() == ""


async def test_a_message_under_way_is_answered_before_the_end_and_nobody_else_is_served() -> None:
    async with (
        listening() as (address, record, listener),
        a_peer(address) as busy,
        a_peer(address) as idle,
    ):
        record.open.clear()
        answer = asyncio.create_task(busy.delivers(MESSAGE, ABUSE))
        await record.came.wait()
        closing = asyncio.create_task(listener.close())
        assert (await idle.hears())[:3] == "421"
        assert await idle.hears() == ""
        with pytest.raises(OSError, match="Connect"):
            async with a_peer(address):
                pass
        assert not closing.done()
        record.open.set()
        assert (await answer)[:3] == "250"
        assert (await busy.hears())[:3] == "421"
        await closing


async def test_who_never_ends_a_message_does_not_keep_the_process() -> None:
    async with listening(drain=0.05) as (address, record, listener), a_peer(address) as peer:
        await peer.begins(ABUSE)
        await listener.close()
        assert await peer.hears() == ""
        assert record.mail == []


async def test_who_hangs_up_in_the_middle_leaves_nothing_behind() -> None:
    async with listening(most_held=200_000) as (address, record, _):
        async with a_peer(address) as peer:
            await peer.begins(ABUSE)
            await peer.sends(b"x" * 150_000 + b"\r\n")
        async with a_peer(address) as peer:
            while (await peer.delivers(b"x" * 150_000 + b"\r\n", ABUSE))[:3] == "452":
                continue  # it has not noticed yet
        assert len(record.mail) == 1
