"""Postfix's queue: what is in it, and putting messages on hold, releasing and deleting them."""

import asyncio
import json
import logging
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents.mail_server import Queued
from agents.mta.postfix.commands import Commands, PostfixFailed
from agents.mta.postfix.domains import own_domains
from agents.mta.postfix.routes import STOPPED
from agents.outbound import refused_for_good
from domain.hosts import HeldMessage

log = logging.getLogger("plazo.host_agent")

_QUEUE_ID = re.compile(r"[0-9A-Za-z]{5,32}")
"""Short ones are hexadecimal, long ones (`enable_long_queue_ids`) use 52 letters and digits."""

_MOST_ONE_BY_ONE = 100
"""More are delivered by one look at the whole queue: one command each would take minutes."""

_PAUSES = (0.1, 0.5)
"""Seconds before asking the queue manager again; `postfix reload` replaces it."""

_REFUSED = re.compile(
    r"host \S+ said: 5\d\d[ -].*\(in reply to (MAIL FROM|RCPT TO|DATA|end of DATA) command\)",
    re.DOTALL,
)
"""smtp(8)'s words about an answer of 5xx, which `soft_bounce` keeps in the queue."""

_WAITING = ("incoming", "deferred")
_LOOK_AT_ALL_DEFERRED = "DA"
"""As `postqueue -f` asks the queue manager, without the F, which would deliver limited mail too."""


class Queue:
    """The queue of one instance."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def listing(self) -> list[Queued]:
        """Everything that `postqueue -j` (postqueue(1)) shows."""
        entries = []
        for line in (await self._commands.run("postqueue", "-j")).splitlines():
            try:
                entries.append(_entry(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                # Senders choose part of what is in it; one message must not hide the others.
                log.warning("queue entry is unreadable", extra={"why": str(error)})
        own = await own_domains(
            self._commands,
            {domain for each in entries if each.waits for domain in each.domains},
        )
        return [
            Queued(
                message=each.message,
                on_hold=each.place == "hold",
                stopped=each.waits and each.stopped,
                outbound=each.waits and not each.domains <= own,
                refused=each.waits and each.refused,
            )
            for each in entries
        ]

    async def hold(self, queue_ids: Collection[str]) -> None:
        # Not what is being delivered: it is deferred in a moment, by our table.
        await self._postsuper("-h", queue_ids, *_WAITING)

    async def release(self, queue_ids: Collection[str]) -> None:
        await self.off_hold(queue_ids)
        # It would wait for the next attempt that was planned before it was held, up to an hour.
        if len(queue_ids) > _MOST_ONE_BY_ONE:
            await self._look_at_all_deferred()
        else:
            await self.deliver(queue_ids)

    async def off_hold(self, queue_ids: Collection[str]) -> None:
        await self._postsuper("-H", queue_ids)

    async def deliver(self, queue_ids: Collection[str]) -> None:
        """Have waiting messages tried now, each by its name: limits let those pass."""
        for queue_id in filter(_QUEUE_ID.fullmatch, queue_ids):
            await self._commands.run("postqueue", "-i", queue_id)

    async def discard(self, queue_ids: Collection[str]) -> None:
        await self._postsuper("-d", queue_ids)

    async def _look_at_all_deferred(self) -> None:
        for pause in _PAUSES:
            with suppress(PostfixFailed):
                await self._commands.run("postkick", "public", "qmgr", _LOOK_AT_ALL_DEFERRED)
                return
            await asyncio.sleep(pause)
        await self._commands.run("postkick", "public", "qmgr", _LOOK_AT_ALL_DEFERRED)

    async def _postsuper(self, verb: str, queue_ids: Collection[str], *queues: str) -> None:
        ids = [each for each in queue_ids if _QUEUE_ID.fullmatch(each)]
        if ids:
            await self._commands.run("postsuper", verb, "-", *queues, given="\n".join([*ids, ""]))


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A message where it is: `deferred`, `hold`, `active` or `incoming`."""

    message: HeldMessage
    place: str
    tried: bool
    stopped: bool
    refused: bool
    domains: frozenset[str]
    """Its recipients'."""

    @property
    def waits(self) -> bool:
        """Tried before, and not on its way. The queue manager puts back into `incoming` what was
        locked at its turn."""
        return self.place == "deferred" or (self.place == "incoming" and self.tried)


def _entry(line: dict[str, Any]) -> _Entry:
    queue_id, recipients = str(line["queue_id"]), line["recipients"]
    if _QUEUE_ID.fullmatch(queue_id) is None:
        raise ValueError(f"{queue_id!r} is no queue id")
    message = HeldMessage(
        queue_id=queue_id,
        sender=str(line["sender"]),
        recipients=len(recipients),
        bytes=int(line["message_size"]),
        arrived_at=datetime.fromtimestamp(int(line["arrival_time"]), UTC),
    )
    return _Entry(
        message=message,
        place=str(line["queue_name"]),
        tried=any("delay_reason" in each for each in recipients),
        stopped=any(each.get("delay_reason") in STOPPED for each in recipients),
        refused=any(
            refused_for_good(message, as_such=match[1] == "end of DATA")
            for each in recipients
            if (match := _REFUSED.match(str(each.get("delay_reason")))) is not None
        ),
        domains=frozenset(str(each["address"]).rpartition("@")[2].lower() for each in recipients),
    )
