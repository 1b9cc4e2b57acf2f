"""Exim's queue: what is in it, and putting messages on hold, releasing and deleting them.

On hold is what lies in a queue of our own, named `plazo` (The Exim Specification, "Named queues"):
no queue runner attempts it, nothing times out there, and what an administrator froze in the queue
proper is another thing. Only the envelope, the size and the id are ever read, by `exim -bp`.
"""

import re
import string
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agents.mta.exim.commands import Commands, EximFailed
from domain.hosts import HeldMessage

NAME = "plazo"

_ID = r"[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})"
"""16 characters; from Exim 4.97 on 23."""
MESSAGE_ID = re.compile(_ID)
_HEAD = re.compile(
    rf"\s*\d+[mhd]\s+(?:(\d+(?:\.\d+)?)([KM]?) )?({_ID}) <(.*)>"
    r"(?: \([^()]*\))?( \*\*\* frozen \*\*\*)?"
)
_RECIPIENT = re.compile(r" {10}(.+)")
_UNITS = {"": 1, "K": 1024, "M": 1024**2}
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase

_AT_ONCE = 500
"""Ids on one command line."""
_MOST_ONE_BY_ONE = 100
"""More are delivered by a queue run: it does not start a process before the last has ended."""
_NOT_THERE = re.compile(r"Spool data file for (\S+) does not exist")
_LOCKED = re.compile(r"Message (\S+) is locked")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A message in one of the two queues."""

    message: HeldMessage
    """Its size is as exact as Exim prints it: two digits, from 1 KB on."""
    frozen: bool
    held: bool
    """It lies in our queue."""
    domains: frozenset[str]
    """Those of the recipients that it has not been delivered to; "" for one that has none."""


class Queue:
    """The queue of one instance, and ours beside it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def listing(self) -> list[Listed]:
        """Everything in both, each once: a move that lost power half-way leaves it in both."""
        # Ours second: what is moved to it between the two looks would not be in either.
        both = [*await self._listed(), *await self._listed(f"-qG{NAME}")]
        return list({each.message.queue_id: each for each in both}.values())

    async def hold(self, queue_ids: Collection[str]) -> None:
        """What is being delivered at this moment stays; it is deferred soon, or gone."""
        await self._each(queue_ids, "-MG", NAME)

    async def release(self, queue_ids: Collection[str]) -> None:
        await self._each(queue_ids, f"-qG{NAME}", "-MG", "")
        await self.attempt(queue_ids)

    async def attempt(self, queue_ids: Collection[str]) -> None:
        """Have messages in the queue proper delivered now, frozen ones excepted."""
        ids = _ids(queue_ids)
        if len(ids) > _MOST_ONE_BY_ONE:
            await self.run()
        elif ids:
            await self._commands.start("-Mc", *ids)

    async def run(self) -> None:
        """Have everything attempted that is due."""
        await self._commands.start("-q")

    async def discard(self, queue_ids: Collection[str]) -> None:
        """Raises EximFailed for those that are being delivered, once all others are deleted."""
        locked: set[str] = set()
        for queue in ((), (f"-qG{NAME}",)):
            there = {each.message.queue_id for each in await self._listed(*queue)}
            locked |= await self._each(there.intersection(queue_ids), *queue, "-Mrm")
        if locked:
            raise EximFailed(f"{', '.join(sorted(locked))}: is being delivered, not discarded yet")

    async def _listed(self, *queue: str) -> list[Listed]:
        printed = await self._commands.run(*queue, "-bpru")
        return list(_read(printed, held=bool(queue)))

    async def _each(self, queue_ids: Collection[str], *verb: str) -> set[str]:
        """Do it to each that is there; those that another process has a hand on."""
        locked: set[str] = set()
        for ids in _chunks(_ids(queue_ids)):
            code, out, err = await self._commands.tried(*verb, *ids)
            said = {*_NOT_THERE.findall(out), *_LOCKED.findall(out)}
            if code != 0 and not said:
                words = err or out.strip() or f"ended with {code}"
                raise EximFailed(f"exim {' '.join(verb)}: {words}")
            locked.update(_LOCKED.findall(out))
        return locked


def arrival(message_id: str) -> datetime:
    """The second that is the first part of every id, in base 62."""
    seconds = 0
    for character in message_id[:6]:
        seconds = seconds * 62 + _BASE62.index(character)
    return datetime.fromtimestamp(seconds, UTC)


def _read(listing: str, *, held: bool) -> Iterator[Listed]:
    last: Listed | None = None
    for line in listing.splitlines():
        if (head := _HEAD.fullmatch(line)) is not None:
            if last is not None:
                yield last
            number, unit, queue_id, sender, frozen = head.groups()
            message = HeldMessage(
                queue_id=queue_id, sender=sender, recipients=0,
                bytes=round(float(number or 0) * _UNITS[unit or ""]), arrived_at=arrival(queue_id),
            )  # fmt: skip
            last = Listed(message=message, frozen=bool(frozen), held=held, domains=frozenset())
        elif last is not None and (recipient := _RECIPIENT.fullmatch(line)) is not None:
            last = replace(
                last,
                message=replace(last.message, recipients=last.message.recipients + 1),
                domains=last.domains | {recipient[1].rpartition("@")[2].lower()},
            )
    if last is not None:
        yield last


def _ids(queue_ids: Collection[str]) -> list[str]:
    return [each for each in queue_ids if MESSAGE_ID.fullmatch(each)]


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
