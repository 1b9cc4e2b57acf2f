"""Telling a client beside mail: each channel once, and no secret of theirs anywhere."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.channels import Channels, NotTaken, Unusable
from domain.steps import ChannelsTold, SendToChannels
from tests.book.letters import a_letter
from tests.book.provider import INCIDENT, an_incident

pytestmark = pytest.mark.real

KEY = f"{INCIDENT}/notice/1"
SECRET = "s3cretToken"


@dataclass
class Receiver:
    """A ticket system: takes JSON over HTTP, or answers as it is told to."""

    port: int = 0
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    def url(self, path: str = SECRET) -> str:
        return f"json://127.0.0.1:{self.port}/{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        self.asked += 1
        if self.status == 200:
            self.got.append(body)
        writer.write(f"HTTP/1.1 {self.status} x\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()


async def a_client_with(pool: Pool, *channels: str) -> None:
    """A letter has been written to a client who has these channels."""
    await an_incident(pool)
    await a_letter(pool, KEY)
    await pool.execute("UPDATE clients SET channels = $1", list(channels))


async def told(pool: Pool) -> ChannelsTold:
    what = SendToChannels(incident=INCIDENT, key=KEY)
    answer = await ActivityEnvironment().run(Channels(pool=pool).send_to_channels, what)
    assert isinstance(answer, ChannelsTold)
    return answer


async def test_a_channel_gets_the_subject_a_sentence_and_the_link(database: Pool) -> None:
    async with receiving() as receiver:
        await a_client_with(database, receiver.url())
        assert await told(database) == ChannelsTold(told=1)
        [message] = receiver.got
    assert message["title"] == "Spam enviado desde vps-1"
    assert message["message"] == "Actúe.\nhttps://plazo.example/c/token"


async def test_a_retry_goes_to_those_that_have_not_taken_it(database: Pool) -> None:
    async with receiving() as well, receiving() as away:
        away.status = 503
        await a_client_with(database, well.url(), away.url())
        with pytest.raises(NotTaken) as refused:
            await told(database)
        assert not refused.value.non_retryable
        assert str(refused.value) == "NotTaken: not taken by channel 2 (json)"
        away.status = 200
        assert await told(database) == ChannelsTold(told=2)
        assert await told(database) == ChannelsTold(told=2)
        assert (len(well.got), len(away.got)) == (1, 1)


async def test_one_that_is_unknown_keeps_no_other_from_being_told(database: Pool) -> None:
    async with receiving() as receiver:
        await a_client_with(database, f"nosuchthing://{SECRET}/x", receiver.url())
        with pytest.raises(Unusable, match=r"channel 1 \(nosuchthing\)") as refused:
            await told(database)
        assert refused.value.non_retryable
        assert len(receiver.got) == 1


@pytest.mark.parametrize("channel", [f"nosuchthing://{SECRET}/x", f"slack://{SECRET}", "json://{}"])
async def test_no_secret_is_in_a_log_or_an_error(
    database: Pool, channel: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiving() as receiver:
        receiver.status = 500
        await a_client_with(database, channel.format(f"127.0.0.1:{receiver.port}/{SECRET}"))
        with pytest.raises((NotTaken, Unusable)) as refused:
            await told(database)
    assert SECRET not in str(refused.value)
    assert SECRET not in "\n".join(record.getMessage() for record in caplog.records)
