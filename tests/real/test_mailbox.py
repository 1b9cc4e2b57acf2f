"""`plazo mailbox` as it is run: behind a real Postfix, beside a real Dovecot, and killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from asyncpg import Pool

from book.database import open_pool
from book.schema import migrate
from tests.conftest import a_home
from tests.gateway.peer import a_peer
from tests.gateway.test_arrival import a_complaint
from tests.gateway.test_lmtp import ABUSE, MESSAGE, OTHER
from tests.real import dovecot
from tests.workers.command import Plazo, Running
from tests.workers.outside import free_port
from workers.demo import postfix_host
from workers.demo.postfix_host import PostfixHost
from workers.embedded.postgres import Postgres

pytestmark = pytest.mark.real

SECONDS = 40.0


def needs(*unavailable: str | None) -> None:
    for why in filter(None, unavailable):
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@asynccontextmanager
async def a_mailbox(folder: Path, dsn: str, **env: str) -> AsyncIterator[tuple[str, Running]]:
    """The process, and where it takes mail."""
    listen = f"127.0.0.1:{free_port()}"
    plazo = Plazo(home=folder / "home", env={})
    around = {
        "PLAZO_DATABASE_URL": dsn,
        "PLAZO_LMTP_LISTEN": listen,
        "PLAZO_ABUSE_ADDRESSES": f"{ABUSE},{OTHER}",
    }
    async with plazo.running("mailbox", env={**around, **env}) as running:
        await running.says(f"on {listen}")
        yield listen, running


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await fact():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)


async def subjects(pool: Pool) -> list[str]:
    """Of the messages on record."""
    rows = await pool.fetch("SELECT body FROM evidence JOIN reports ON evidence = sha256")
    return sorted(BytesParser(policy=SMTP).parsebytes(row["body"])["Subject"] for row in rows)


async def test_behind_postfix_mail_waits_while_the_book_is_away_and_comes_once(
    tmp_path: Path,
) -> None:
    needs(postfix_host.available())
    with a_home() as home:
        postgres = await Postgres.start(home)
        try:
            await asyncio.to_thread(migrate, postgres.dsn)
            async with (
                a_mailbox(tmp_path, postgres.dsn) as (address, _),
                PostfixHost(next_hop="127.0.0.1:9", local_domain="provider.example") as postfix,
            ):
                await deliver_by_lmtp(postfix, address)
                await postfix.submit("fbl@far.example", [ABUSE, OTHER], a_message("before"))
                await until(lambda: empty(postfix))
                assert postfix.log.read_text().count("status=sent (250 2.0.0") == 2
                await postgres.stop()
                await postfix.submit("fbl@far.example", [ABUSE], a_message("meanwhile"))
                await postfix.submit("", [ABUSE], a_message("a bounce"))
                await until(lambda: deferred(postfix, 2))
                assert "451 4.3.0" in postfix.log.read_text()
                postgres = await Postgres.start(home)
                await until(lambda: empty(postfix))
            pool = await open_pool(postgres.dsn)
            assert await subjects(pool) == ["a bounce", "before", "meanwhile"]
            reporters = await pool.fetch("SELECT reporter FROM reports")
            assert sorted(row["reporter"] for row in reporters) == [
                "mail:far.example", "mail:far.example", "mail:unknown",
            ]  # fmt: skip
            await pool.close()
        finally:
            await postgres.stop()


async def deliver_by_lmtp(postfix: PostfixHost, address: str) -> None:
    """As docs/production.md tells."""
    table = postfix.config_dir / "plazo"
    table.write_text("".join(f"{each}  lmtp:inet:{address}\n" for each in (ABUSE, OTHER)))
    await postfix.command("postconf", "-e", f"transport_maps = texthash:{table}")
    await postfix.command("postfix", "reload")


async def empty(postfix: PostfixHost) -> bool:
    return await postfix.queue() == []


async def deferred(postfix: PostfixHost, count: int) -> bool:
    return [each["queue_name"] for each in await postfix.queue()] == ["deferred"] * count


def a_message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = subject, "fbl@far.example"
    message.set_content("It is spam.\n" + "x" * 3_000)
    return message


async def test_a_process_that_dies_between_commit_and_answer_has_no_report_twice(
    tmp_path: Path, dsn: str, database: Pool
) -> None:
    content = a_complaint()
    async with (
        deaf_after_commit(dsn) as through,
        a_mailbox(tmp_path, through) as (address, running),
        a_peer(address) as peer,
    ):
        answer = asyncio.create_task(peer.delivers(content, ABUSE))
        await until(lambda: as_many(database, 1))
        assert not answer.done()
        await running.ends(signal.SIGKILL)
        with suppress(ConnectionError):
            assert await answer == ""
    async with a_mailbox(tmp_path, dsn) as (address, _), a_peer(address) as peer:
        assert (await peer.delivers(content, ABUSE))[:3] == "250"
    assert await database.fetchval("SELECT count(*) FROM reports") == 1
    assert await database.fetchval("SELECT count(*) FROM evidence") == 1


async def test_told_to_stop_it_answers_what_is_under_way(
    tmp_path: Path, dsn: str, database: Pool
) -> None:
    async with a_mailbox(tmp_path, dsn) as (address, running), a_peer(address) as peer:
        async with database.acquire() as other, other.transaction():
            await other.execute("LOCK TABLE reports")
            answer = asyncio.create_task(peer.delivers(MESSAGE, ABUSE))
            await until(lambda: waits(database))
            running.process.send_signal(signal.SIGTERM)
            await until(lambda: refused(address))
            assert not answer.done()
        assert (await answer)[:3] == "250"
        assert await running.ends() == 0
    assert await database.fetchval("SELECT count(*) FROM reports") == 1


async def waits(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def refused(address: str) -> bool:
    try:
        async with a_peer(address, ""):
            return False
    except ConnectionError:
        return True


async def test_it_picks_up_an_imap_mailbox_too_and_never_says_the_password(
    tmp_path: Path, dsn: str, database: Pool
) -> None:
    needs(dovecot.available())
    async with dovecot.a_dovecot() as server:
        server.deliver(MESSAGE)
        env = {
            "PLAZO_IMAP_URL": server.url,
            "PLAZO_IMAP_PASSWORD": dovecot.PASSWORD,
            "SSL_CERT_FILE": str(server.authority),
        }
        async with a_mailbox(tmp_path, dsn, **env) as (address, running), a_peer(address) as peer:
            await until(lambda: as_many(database, 1))
            other = MESSAGE.replace(b"spam", b"more")
            assert (await peer.delivers(other, ABUSE))[:3] == "250"
            await until(lambda: moved(server))
            assert await running.ends(signal.SIGTERM) == 0
            assert dovecot.PASSWORD not in running.text
        assert server.within("INBOX") == []
        assert len(server.within("Plazo")) == 1
    assert await subjects(database) == ["more", "spam"]


async def test_prometheus_is_told_what_was_taken_and_when_the_mailbox_was_last_looked_into(
    tmp_path: Path, dsn: str, database: Pool
) -> None:
    needs(dovecot.available())
    async with dovecot.a_dovecot() as server:
        server.deliver(MESSAGE)
        metrics = f"127.0.0.1:{free_port()}"
        env = {
            "PLAZO_METRICS_LISTEN": metrics,
            "PLAZO_IMAP_URL": server.url,
            "PLAZO_IMAP_PASSWORD": dovecot.PASSWORD,
            "SSL_CERT_FILE": str(server.authority),
        }
        async with a_mailbox(tmp_path, dsn, **env) as (address, running), a_peer(address) as peer:
            assert (await peer.delivers(MESSAGE.replace(b"spam", b"more"), ABUSE))[:3] == "250"
            assert (await peer.says("MAIL FROM:<a@far.example>"))[:3] == "250"
            assert (await peer.says("RCPT TO:<nobody@provider.example>"))[:3] == "550"
            await until(lambda: moved(server))
            await until(lambda: as_many(database, 2))
            async with httpx.AsyncClient() as http:
                told: dict[str, str] = {}
                while told.get('plazo_mail_messages_total{outcome="accepted",way="imap"}') != "1.0":
                    text = (await http.get(f"http://{metrics}/metrics")).text
                    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
            assert await running.ends(signal.SIGTERM) == 0
    assert told['plazo_mail_messages_total{outcome="accepted",way="smtp"}'] == "1.0"
    assert told['plazo_mail_messages_total{outcome="refused",way="smtp"}'] == "1.0"
    assert told['plazo_mail_messages_total{outcome="put_off",way="smtp"}'] == "0.0"
    assert 0 <= float(told["plazo_mail_imap_age_seconds"]) < SECONDS


async def test_the_doctor_looks_into_the_mailbox(tmp_path: Path) -> None:
    needs(dovecot.available())
    async with dovecot.a_dovecot() as server:
        server.deliver(MESSAGE)
        plazo = Plazo(
            home=tmp_path / "home",
            env={
                "PLAZO_DATABASE_URL": "postgresql://plazo@127.0.0.1:1/plazo",
                "PLAZO_PUBLIC_URL": "https://plazo.example",
                "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-test",
                "PLAZO_BLOCKLISTS": ",",  # none to ask
                "TEMPORAL_ADDRESS": "127.0.0.1:1",
                "PLAZO_SMTP_URL": "smtp://127.0.0.1:1",
                "PLAZO_IMAP_URL": server.url,
                "SSL_CERT_FILE": str(server.authority),
            },
        )
        said = await plazo("doctor", env={"PLAZO_IMAP_PASSWORD": dovecot.PASSWORD})
        assert f"ok     IMAP mailbox: INBOX on localhost:{server.port} has 1 messages" in said.out
        said = await plazo("doctor", env={"PLAZO_IMAP_PASSWORD": "pa55word"})
        assert f"WRONG  IMAP mailbox: INBOX on localhost:{server.port}: " in said.out
        assert "PLAZO_IMAP_PASSWORD" in said.out
        assert "pa55word" not in said.out + said.err


async def moved(server: dovecot.Dovecot) -> bool:
    return await asyncio.to_thread(server.within, "INBOX") == []


async def as_many(pool: Pool, count: int) -> bool:
    return bool(await pool.fetchval("SELECT count(*) = $1 FROM reports", count))


@asynccontextmanager
async def deaf_after_commit(dsn: str) -> AsyncIterator[str]:
    """A way to the database on which a COMMIT goes through, and the answer to it is never heard."""
    there = urlsplit(dsn)
    open_ones: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard, onward = await asyncio.open_connection(there.hostname, there.port)
        open_ones.extend((writer, onward))
        deaf = asyncio.Event()

        async def back() -> None:
            while data := await heard.read(65_536):
                if not deaf.is_set():
                    writer.write(data)

        answers = asyncio.create_task(back())
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if b"COMMIT" in data:
                    deaf.set()
                onward.write(data)
        onward.close()
        await answers

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        netloc = f"{there.username}:{there.password}@127.0.0.1:{port}"
        yield urlunsplit(there._replace(netloc=netloc))
    finally:
        server.close()
        for each in open_ones:
            each.transport.abort()
        await server.wait_closed()
