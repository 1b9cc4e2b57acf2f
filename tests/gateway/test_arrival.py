"""Mail that has arrived: what it becomes, and that the same mail is the same report."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial

import asyncpg
import pytest
from asyncpg import Pool

from book.clientele import clients
from book.database import open_pool
from book.intake.intake import Accepted, Received, accept
from gateway.mail import arrival
from gateway.mail.arrival import Mailroom, NotKept, read_mail
from tests.book.provider import ADDRESS, INCIDENT, a_clientele
from workers.demo.arf import arf_report

QUESTION = b"From: client@cliente.example\r\nSubject: Hello\r\n\r\nWhat is this about?\r\n"
BOUNCE = (
    b"Subject: Undelivered\r\nFrom: mailer-daemon@far.example\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; Report-Type="Delivery-Status"; boundary=b\r\n\r\n'
    b"--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Received: from x (x [192.0.2.7]) by y; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    b"From: abuse@provider.example\r\nSubject: please act\r\n\r\nA notice.\r\n--b--\r\n"
)
VACATION = (
    b"From: client@cliente.example\r\nSubject: Re: please act\r\nAuto-Submitted: auto-replied\r\n"
    b"\r\nI am away.\r\n"
)


def a_complaint(address: str = ADDRESS) -> bytes:
    spam = EmailMessage()
    spam["From"], spam["Subject"], spam["Message-ID"] = "x@shop.example", "Offer", "<1@shop>"
    spam.set_content("Buy.")
    return arf_report(
        spam, mail_from="x@shop.example", recipient="who@mailbox.example",
        arrived=datetime.now(UTC) - timedelta(minutes=1), source_ip=address,
    )  # fmt: skip


async def reports(pool: Pool) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await pool.fetch(
        "SELECT r.*, e.body FROM reports r JOIN evidence e ON e.sha256 = r.evidence ORDER BY r.id"
    )
    return found


async def test_a_complaint_by_mail_opens_an_incident(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    content = a_complaint()
    accepted = await Mailroom(partial(accept, database)).keep(content, "bounce@fbl.far.example")
    assert accepted.incidents == (INCIDENT,)
    [row] = await reports(database)
    assert (row["reporter"], row["format"]) == ("mail:fbl.far.example", "arf")
    assert row["body"] == content


async def test_the_same_mail_again_is_the_same_report(database: Pool) -> None:
    await clients.keep(database, a_clientele())
    mailroom = Mailroom(partial(accept, database))
    content = a_complaint()
    first = await mailroom.keep(content, "fbl@far.example")
    assert await mailroom.keep(content, "fbl@far.example") == first
    assert len(await reports(database)) == 1


@pytest.mark.parametrize("sender", ["", "<>", "MAILER-DAEMON", "a@b", "a@x..y", "@", "\x00@\ud800"])
async def test_mail_of_no_usable_sender_is_from_nobody_known(database: Pool, sender: str) -> None:
    await clients.keep(database, a_clientele())
    accepted = await Mailroom(partial(accept, database)).keep(a_complaint(), sender)
    assert accepted.incidents == (INCIDENT,)
    [row] = await reports(database)
    assert row["reporter"] == "mail:unknown"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (QUESTION, ""),
        (BOUNCE, "a delivery status notification (RFC 3464), no report"),
        (VACATION, "an automatic answer (RFC 3834), no report"),
        (b"\x00\xff\r\n", ""),
        (b"", ""),
    ],
)
async def test_what_nobody_understands_is_kept_whole_for_a_person(
    database: Pool, content: bytes, why: str
) -> None:
    mailroom = Mailroom(partial(accept, database))
    accepted = await mailroom.keep(content, "client@cliente.example")
    assert await mailroom.keep(content, "client@cliente.example") == accepted
    assert accepted.incidents == ()
    [row] = await reports(database)
    assert (row["format"], row["body"]) == ("unread", content)
    assert why in row["unplaced"]
    [task] = await database.fetch("SELECT * FROM tasks")
    assert task["kind"] == "read_report"


async def test_a_fault_of_ours_turns_no_mail_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(arrival, "understand", fails)
    assert read_mail(QUESTION, datetime.now(UTC)) == ((), "reading it failed: RecursionError")


async def test_what_the_book_cannot_hold_is_kept_unread(database: Pool) -> None:
    async def picky(received: Received) -> Accepted:
        if received.complaints:
            raise asyncpg.CharacterNotInRepertoireError("invalid byte sequence")
        return await accept(database, received)

    accepted = await Mailroom(picky).keep(a_complaint(), "fbl@far.example")
    assert accepted.incidents == ()
    [row] = await reports(database)
    assert "invalid byte sequence" in row["unplaced"]


async def test_mail_waits_while_the_book_is_away(dsn: str) -> None:
    pool = await open_pool(dsn)
    await pool.close()
    with pytest.raises(NotKept):
        await Mailroom(partial(accept, pool)).keep(QUESTION, "client@cliente.example")


async def test_mail_waits_while_the_book_is_busy(database: Pool) -> None:
    async with database.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE reports")
        with pytest.raises(NotKept):
            await Mailroom(partial(accept, database), patience=0.2).keep(QUESTION, "a@b.example")
    assert await reports(database) == []
