"""Telling a client beside mail: SMS services, chats, ticket systems, by the library apprise.

A channel's URL may hold a secret. None is ever in a log, in an error, or on the audit chain: a
channel is named by its place in the client's list and its scheme.
"""

import asyncio
import hashlib
import logging
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from asyncpg import Pool
from temporalio import activity
from temporalio.exceptions import ApplicationError

from book.letters import channels
from book.letters.channels import Message
from domain.steps import ChannelsTold, SendToChannels

if TYPE_CHECKING:
    from apprise import Apprise

_SECONDS = 60.0
"""For all the channels of one attempt; the library gives each connection four."""


class NotTaken(ApplicationError):
    """A channel did not take it, and may later."""

    def __init__(self, which: list[str]) -> None:
        super().__init__(f"not taken by {', '.join(which)}", type="NotTaken")


class Unusable(ApplicationError):
    """The library knows no such channel; correct its URL in the clientele."""

    def __init__(self, which: list[str]) -> None:
        words = (
            f"{', '.join(which)}: no channel that apprise knows; correct the URL in the clientele"
        )
        super().__init__(words, type="Unusable", non_retryable=True)


@dataclass(frozen=True)
class Channels:
    """The verb on `pool`."""

    pool: Pool

    @activity.defn(name="send_to_channels")
    async def send_to_channels(self, what: SendToChannels) -> ChannelsTold:
        """Send a notice's subject, its one sentence and its link to each channel, each once.

        A retry goes to those that have not taken it. Raises NotTaken, or Unusable where no retry
        helps.
        """
        async with self.pool.acquire() as connection:
            message = await channels.message(connection, what.key)
        away: list[str] = []
        unknown: list[str] = []
        for number, url in enumerate(message.urls, 1):
            digest = hashlib.sha256(url.encode()).hexdigest()
            if digest in message.told:
                continue
            name = f"channel {number} ({url.partition('://')[0]})"
            channel = await asyncio.to_thread(_channel, url)
            if channel is None:
                unknown.append(name)
            elif await _told(channel, message):
                async with self.pool.acquire() as connection:
                    await channels.told(connection, what.key, digest)
            else:
                away.append(name)
        if away:
            raise NotTaken(away)
        if unknown:
            raise Unusable(unknown)
        return ChannelsTold(told=len(message.urls))


@cache
def _library() -> "type[Apprise]":
    """Imported when it is first needed: it brings some hundred services with it."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it quotes URLs it cannot read
    logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it quotes every path
    with warnings.catch_warnings():
        # One of its services imports what Python is going to drop, and it makes up for that.
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise

        Apprise.instantiate("json://localhost")
    return Apprise


def _channel(url: str) -> "Apprise | None":
    channel = _library()()
    return channel if channel.add(url) else None


async def _told(channel: "Apprise", message: Message) -> bool:
    """Whether it was taken. The library waits for its answer, so that is in a thread."""
    try:
        async with asyncio.timeout(_SECONDS):
            return bool(
                await asyncio.to_thread(
                    channel.notify,
                    title=message.subject,
                    body=message.text,
                    notify_type="warning",
                )
            )
    except TimeoutError:
        return False
