"""Postfix as the agent's measures see it."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from agents.mail_server import Queued, Relayed
from agents.mta.postfix.commands import Commands
from agents.mta.postfix.destinations import Routing, known, routing
from agents.mta.postfix.maillog import RelayedLog, log_file
from agents.mta.postfix.passes import hourly
from agents.mta.postfix.queue import Queue
from agents.mta.postfix.resolver import Resolver
from agents.mta.postfix.routes import planned
from agents.mta.postfix.submission import Submission
from agents.smarthosts.port import PLAIN, NoLogin, Smarthost, host_and_port, smarthost
from domain.hosts import Desired
from domain.measures import Measure


class Postfix:
    """The instance configured in `config_dir`: a `MailServer` (agents/holding.py)."""

    name = "postfix"
    can = frozenset(
        {
            Measure.HOLD_DOMAIN,
            Measure.HOLD_SERVER,
            Measure.RATE_LIMIT,
            Measure.SMARTHOST_REDIRECT,
            Measure.REQUIRE_AUTHENTICATED_SMTP,
        }
    )

    def __init__(self, config_dir: Path, state_dir: Path) -> None:
        self._commands = Commands(config_dir)
        self._resolver = Resolver(self._commands)
        self._submission = Submission(self._commands)
        self._queue = Queue(self._commands)
        self._state_dir = state_dir
        self._state = state_dir / "relayed.json"
        self._relayed: RelayedLog | None = None

    async def enforce(self, in_force: tuple[Desired, ...]) -> str:
        """Raises CannotCarryOut, NoLogin, PostfixFailed, NoLog."""
        redirects = _those(in_force, Measure.SMARTHOST_REDIRECT)
        limits = _those(in_force, Measure.RATE_LIMIT)
        # Refuses what cannot be carried out before anything is done.
        beyond: list[str] = []
        through = {each.key: self._smarthost(each, beyond) for each in redirects}
        found = await routing(self._commands) if redirects or limits else Routing()
        plan = planned(in_force, through, known(found))
        for limit in limits:
            hourly(limit)
        if redirects or self._state.exists():
            # Before the first message goes that way.
            (await self._counter()).watch(redirects)
        await self._resolver.set(plan, found)
        required = bool(_those(in_force, Measure.REQUIRE_AUTHENTICATED_SMTP))
        beyond.append(await self._submission.require(required))
        if redirects or limits:
            beyond.append(await self._resolver.beyond(plan, found))
        return "; ".join(filter(None, beyond))

    async def queued(self) -> list[Queued]:
        return await self._queue.listing()

    async def hold(self, queue_ids: Collection[str]) -> None:
        await self._queue.hold(queue_ids)

    async def release(self, queue_ids: Collection[str]) -> None:
        await self._queue.release(queue_ids)

    async def off_hold(self, queue_ids: Collection[str]) -> None:
        """Take messages off hold, to wait."""
        await self._queue.off_hold(queue_ids)

    async def deliver(self, queue_ids: Collection[str]) -> None:
        """Have waiting messages tried now, past a limit."""
        await self._queue.deliver(queue_ids)

    async def discard(self, queue_ids: Collection[str]) -> None:
        await self._queue.discard(queue_ids)

    async def relayed(self, measure: Desired) -> Relayed:
        if measure.restriction.measure is not Measure.SMARTHOST_REDIRECT:
            return Relayed()
        counter = await self._counter()
        return Relayed(messages=counter.total(measure.key), counter=counter.name)

    def _smarthost(self, redirect: Desired, beyond: list[str]) -> Smarthost:
        """One whose login has been taken away keeps the one that it had: no other measure, and no
        message, may depend on that file any more."""
        try:
            found = smarthost(redirect, self._state_dir)
        except NoLogin as error:
            host, port = host_and_port(redirect.smarthost or "")
            if (known := self._resolver.login(host, port)) is None:
                raise
            beyond.append(f"{error}; the login before is in use")
            return Smarthost(kind=PLAIN, host=host, port=port, login=known)
        known = self._resolver.login(found.host, found.port)
        if found.login is not None or known is None:
            return found
        beyond.append(f"the login for {found.host} is gone; the one before is in use")
        return replace(found, login=known)

    async def _counter(self) -> RelayedLog:
        if self._relayed is None:
            self._relayed = RelayedLog(await log_file(self._commands), self._state)
        return self._relayed


def _those(in_force: tuple[Desired, ...], measure: Measure) -> tuple[Desired, ...]:
    return tuple(each for each in in_force if each.restriction.measure is measure)
