"""Postfix as the agent's measures see it."""

from collections.abc import Collection
from pathlib import Path

from agents.holding import Queued
from agents.mta.postfix.commands import Commands
from agents.mta.postfix.maillog import Relayed
from agents.mta.postfix.queue import Queue
from agents.mta.postfix.routes import Routes, table
from domain.hosts import Desired
from domain.measures import Measure

_SYSLOG_FILES = (Path("/var/log/mail.log"), Path("/var/log/maillog"))
"""Where Debian's and Red Hat's syslog put Postfix's lines when maillog_file is not set."""


class Postfix:
    """The instance configured in `config_dir`: a `MailServer` (agents/holding.py)."""

    name = "postfix"
    can = frozenset({Measure.HOLD_DOMAIN, Measure.HOLD_SERVER, Measure.SMARTHOST_REDIRECT})

    def __init__(self, config_dir: Path, state_dir: Path) -> None:
        self._commands = Commands(config_dir)
        self._routes = Routes(self._commands)
        self._queue = Queue(self._commands)
        self._state = state_dir / "relayed.json"
        self._relayed: Relayed | None = None

    async def enforce(self, in_force: tuple[Desired, ...]) -> str:
        """Raises CannotCarryOut, PostfixFailed, NoLog."""
        redirects = tuple(
            each for each in in_force if each.restriction.measure is Measure.SMARTHOST_REDIRECT
        )
        table(in_force)  # Refuses what cannot be carried out before anything is done.
        if redirects or self._state.exists():
            # Before the first message goes that way.
            (await self._counter()).watch(redirects)
        await self._routes.set(in_force)
        return await self._routes.beyond() if in_force else ""

    async def queued(self) -> list[Queued]:
        return await self._queue.listing()

    async def hold(self, queue_ids: Collection[str]) -> None:
        await self._queue.hold(queue_ids)

    async def release(self, queue_ids: Collection[str]) -> None:
        await self._queue.release(queue_ids)

    async def discard(self, queue_ids: Collection[str]) -> None:
        await self._queue.discard(queue_ids)

    async def relayed(self, measure: Desired) -> int:
        return (await self._counter()).total(measure.key)

    async def _counter(self) -> Relayed:
        if self._relayed is None:
            log = await self._commands.setting("maillog_file", expanded=True)
            known = [each for each in _SYSLOG_FILES if each.exists()] or [_SYSLOG_FILES[0]]
            self._relayed = Relayed(Path(log) if log else known[0], self._state)
        return self._relayed
