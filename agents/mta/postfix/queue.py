"""Postfix's queue: what is in it, and putting messages on hold, releasing and deleting them."""

import json
import logging
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from agents.holding import Queued
from agents.mta.postfix.commands import Commands
from agents.mta.postfix.domains import own_domains
from agents.mta.postfix.routes import STOPPED
from domain.hosts import HeldMessage

log = logging.getLogger("plazo.host_agent")

_QUEUE_ID = re.compile(r"[0-9A-Za-z]{5,32}")
"""Short ones are hexadecimal, long ones (`enable_long_queue_ids`) use 52 letters and digits."""

_MOST_ONE_BY_ONE = 100
"""More are delivered by flushing the queue: one command each would take minutes."""


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
            {domain for _, waits, domains in entries if waits for domain in domains},
        )
        return [
            Queued(
                message=queued.message,
                on_hold=queued.on_hold,
                stopped=queued.stopped,
                outbound=waits and not domains <= own,
            )
            for queued, waits, domains in entries
        ]

    async def hold(self, queue_ids: Collection[str]) -> None:
        # Only what is deferred: what is being delivered is deferred in a moment, by our table.
        await self._postsuper("-h", queue_ids, "deferred")

    async def release(self, queue_ids: Collection[str]) -> None:
        await self._postsuper("-H", queue_ids)
        # It would wait for the next attempt that was planned before it was held, up to an hour.
        if len(queue_ids) > _MOST_ONE_BY_ONE:
            await self._commands.run("postqueue", "-f")
            return
        for queue_id in filter(_QUEUE_ID.fullmatch, queue_ids):
            await self._commands.run("postqueue", "-i", queue_id)

    async def discard(self, queue_ids: Collection[str]) -> None:
        await self._postsuper("-d", queue_ids)

    async def _postsuper(self, verb: str, queue_ids: Collection[str], *queues: str) -> None:
        ids = [each for each in queue_ids if _QUEUE_ID.fullmatch(each)]
        if ids:
            await self._commands.run("postsuper", verb, "-", *queues, given="\n".join([*ids, ""]))


def _entry(line: dict[str, Any]) -> tuple[Queued, bool, set[str]]:
    """A message, whether it waits for another attempt, and its recipients' domains."""
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
    waits = line["queue_name"] == "deferred"
    queued = Queued(
        message=message,
        on_hold=line["queue_name"] == "hold",
        outbound=False,
        stopped=waits and any(STOPPED in each.get("delay_reason", "") for each in recipients),
    )
    domains = {str(each["address"]).rpartition("@")[2].lower() for each in recipients}
    return queued, waits, domains
