"""Mail picked up from a real IMAP server: each message once, whatever ends in between."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from asyncpg import Pool
from imap_tools.idle import IdleManager

from book.intake.intake import Accepted, accept
from gateway.mail import imap
from gateway.mail.account import Account
from gateway.mail.arrival import Mailroom, NotKept
from gateway.mail.box import LOST, Box
from gateway.mail.imap import PickUp
from tests.real.dovecot import PASSWORD, Dovecot, a_dovecot, available

pytestmark = pytest.mark.real

SECONDS = 30.0


@pytest.fixture(autouse=True)
def dovecot_is_here() -> None:
    if (why := available()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture
async def dovecot(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dovecot]:
    async with a_dovecot() as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        yield server


def a_message(number: int = 1, *, size: int = 0) -> bytes:
    head = f"Return-Path: <fbl@far.example>\r\nFrom: fbl@far.example\r\nSubject: {number}\r\n\r\n"
    return head.encode() + b"It is spam.\r\n" + (b"x" * 70 + b"\r\n") * (size // 72)


@asynccontextmanager
async def picking_up(
    server: Dovecot, pool: Pool, look: float = 0.2, account: Account | None = None
) -> AsyncIterator[None]:
    """While the block lasts. The looks follow each other quickly, IDLE or not."""
    stopping = asyncio.Event()
    keep = Mailroom(partial(accept, pool)).keep
    pick_up = PickUp(account or server.account, PASSWORD, keep, taken="Plazo", look=look)
    task = asyncio.create_task(pick_up.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


async def on_record(pool: Pool, count: int) -> list[bytes]:
    """What is on record, once it is so much."""
    async with asyncio.timeout(SECONDS):
        while True:
            rows = await pool.fetch(
                "SELECT e.body, r.reporter FROM reports r JOIN evidence e ON e.sha256 = r.evidence"
            )
            assert len(rows) <= count
            if len(rows) == count:
                assert {row["reporter"] for row in rows} <= {"mail:far.example"}
                return [row["body"] for row in rows]
            await asyncio.sleep(0.05)


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await asyncio.to_thread(fact):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def gone(server: Dovecot) -> None:
    await until(lambda: server.within("INBOX") == [])


async def test_mail_is_on_record_and_then_in_the_folder_of_what_was_taken(
    dovecot: Dovecot, database: Pool
) -> None:
    dovecot.deliver(a_message(1), flags="\\Seen")
    dovecot.deliver(a_message(2))
    async with picking_up(dovecot, database):
        assert sorted(await on_record(database, 2)) == [a_message(1), a_message(2)]
        await gone(dovecot)
    seen = {content.split(b"Subject: ")[1][:1]: flag for content, flag in dovecot.within("Plazo")}
    assert seen == {b"1": True, b"2": False}, "what people have read is theirs to say"


async def test_new_mail_is_taken_as_soon_as_the_server_tells(
    dovecot: Dovecot, database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    idling, start = threading.Event(), IdleManager.start

    def note(manager: IdleManager) -> object:
        said: object = start(manager)  # type: ignore[no-untyped-call]
        idling.set()
        return said

    monkeypatch.setattr(IdleManager, "start", note)
    async with picking_up(dovecot, database, look=10 * SECONDS):
        await asyncio.to_thread(idling.wait, SECONDS)
        dovecot.deliver(a_message())
        await on_record(database, 1)


async def test_new_mail_is_taken_from_a_server_that_can_neither_tell_nor_move(
    database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_dovecot(capability="IMAP4rev1 AUTH=PLAIN") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        async with picking_up(server, database):
            for number in (1, 2):
                server.deliver(a_message(number))
                await on_record(database, number)
                await gone(server)
        assert len(server.within("Plazo")) == 2


async def test_starttls_is_as_good(dovecot: Dovecot, database: Pool) -> None:
    account = Account(
        scheme="imap", host="localhost", port=dovecot.plain, user=dovecot.account.user
    )
    dovecot.deliver(a_message())
    async with picking_up(dovecot, database, account=account):
        await on_record(database, 1)


async def test_a_server_that_nobody_vouches_for_gets_no_password(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    for scheme, port in (("imaps", dovecot.port), ("imap", dovecot.plain)):
        account = Account(scheme=scheme, host="localhost", port=port, user="abuse")
        with pytest.raises(LOST, match="certificate verify failed"):
            await asyncio.to_thread(Box.open, account, PASSWORD, "Plazo")
    assert "Login" not in (dovecot.home / "log").read_text()


async def test_a_wrong_password_is_said_and_not_shown(
    dovecot: Dovecot, database: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stopping = asyncio.Event()
    keep = Mailroom(partial(accept, database)).keep
    pick_up = PickUp(dovecot.account, "pa55word", keep, taken="Plazo")
    task = asyncio.create_task(pick_up.run(stopping))
    await until(lambda: "AUTHENTICATIONFAILED" in caplog.text)
    stopping.set()
    await task
    assert "pa55word" not in caplog.text
    assert f"INBOX on localhost:{dovecot.port}" in caplog.text


async def test_a_mailbox_of_many_is_emptied_in_batches(
    dovecot: Dovecot, database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "BATCH", 7)
    dovecot.deliver(*map(a_message, range(40)))
    async with picking_up(dovecot, database):
        assert sorted(await on_record(database, 40)) == sorted(map(a_message, range(40)))
        await gone(dovecot)
    assert len(dovecot.within("Plazo")) == 40


async def test_mail_stays_while_the_book_is_away_and_is_then_taken_once(
    dovecot: Dovecot, database: Pool
) -> None:
    away, tries = True, 0
    mailroom = Mailroom(partial(accept, database))

    async def keep(content: bytes, sender: str) -> Accepted:
        nonlocal tries
        tries += 1
        if away:
            raise NotKept("away")
        return await mailroom.keep(content, sender)

    dovecot.deliver(a_message(1), a_message(2))
    stopping = asyncio.Event()
    pick_up = PickUp(dovecot.account, PASSWORD, keep, taken="Plazo", look=0.1)
    task = asyncio.create_task(pick_up.run(stopping))
    await until(lambda: tries >= 4)
    assert len(dovecot.within("INBOX")) == 2
    away = False
    await on_record(database, 2)
    await gone(dovecot)
    stopping.set()
    await task


async def test_one_message_that_fails_holds_up_no_other(
    dovecot: Dovecot, database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "BATCH", 2)
    mailroom = Mailroom(partial(accept, database))

    async def keep(content: bytes, sender: str) -> Accepted:
        if b"Subject: 1\r\n" in content:
            raise ValueError("unforeseen")
        return await mailroom.keep(content, sender)

    dovecot.deliver(*map(a_message, range(6)))
    stopping = asyncio.Event()
    pick_up = PickUp(dovecot.account, PASSWORD, keep, taken="Plazo", look=0.1)
    task = asyncio.create_task(pick_up.run(stopping))
    await on_record(database, 5)
    await until(lambda: len(dovecot.within("Plazo")) == 5)
    stopping.set()
    await task
    [(left, _)] = dovecot.within("INBOX")
    assert b"Subject: 1" in left


async def test_what_was_recorded_but_not_moved_is_the_same_report(
    dovecot: Dovecot, database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = 0
    move = Box.move

    def breaks(box: Box, uids: list[str]) -> None:
        nonlocal moves
        moves += 1
        if moves == 1:
            raise OSError("the connection broke")
        move(box, uids)

    monkeypatch.setattr(Box, "move", breaks)
    dovecot.deliver(a_message(1), a_message(2))
    async with picking_up(dovecot, database):
        await gone(dovecot)
    assert moves == 2
    await on_record(database, 2)


async def test_a_server_that_comes_back_is_read_again(dovecot: Dovecot, database: Pool) -> None:
    async with picking_up(dovecot, database):
        dovecot.deliver(a_message(1))
        await on_record(database, 1)
        await gone(dovecot)
        await dovecot.stop()
        await dovecot.start()
        dovecot.deliver(a_message(2))
        await on_record(database, 2)
        await gone(dovecot)


async def test_a_mailbox_with_new_numbers_brings_no_mail_twice(
    dovecot: Dovecot, database: Pool
) -> None:
    dovecot.deliver(a_message(1))
    async with picking_up(dovecot, database):
        await on_record(database, 1)
        await gone(dovecot)
    with dovecot.as_somebody("Plazo") as box:
        box.folder.set("Plazo")
        box.move(box.uids(), "INBOX")  # somebody puts it back, so that it has another UID
    dovecot.deliver(a_message(2))
    async with picking_up(dovecot, database):
        await gone(dovecot)
        await on_record(database, 2)


async def test_of_a_message_beyond_all_bounds_the_beginning_is_taken(
    dovecot: Dovecot, database: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "LARGEST", 10_000)
    dovecot.deliver(a_message(size=30_000))
    async with picking_up(dovecot, database):
        [content] = await on_record(database, 1)
        await gone(dovecot)
    assert content == a_message(size=30_000)[:10_000]
    [(whole, _)] = dovecot.within("Plazo")
    assert len(whole) > 20_000
