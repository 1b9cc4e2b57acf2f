"""Exim as the agent's measures see it."""

import re
from collections.abc import Collection
from pathlib import Path

from agents.mail_server import Queued, Relayed
from agents.mta.exim.commands import Commands
from agents.mta.exim.deliveries import Deliveries
from agents.mta.exim.domains import own_domains
from agents.mta.exim.fragments import AUTHENTICATED_ONLY, LOGINS, ROUTES
from agents.mta.exim.queue import Listed, Queue
from agents.mta.exim.setup import NotSetUp, Setup
from agents.mta.exim.tables import Tables, login_lines, logins_of, route, tables
from agents.mta.logfile import NoLog
from agents.outbound import refused_for_good
from agents.smarthosts.port import Login, NoLogin, Smarthost, host_and_port, smarthost
from domain.hosts import Desired
from domain.measures import Measure

_NONE = Login(user="", secret="")
"""In place of a login that is missing: it is wanted, and nobody has it."""


class Exim:
    """The instance configured in `config_dir`: a `MailServer` (agents/holding.py)."""

    name = "exim"
    can = frozenset(
        {
            Measure.HOLD_DOMAIN, Measure.HOLD_SERVER, Measure.RATE_LIMIT,
            Measure.SMARTHOST_REDIRECT, Measure.REQUIRE_AUTHENTICATED_SMTP,
        }
    )  # fmt: skip

    def __init__(self, config_dir: Path, state_dir: Path) -> None:
        self._commands = Commands(config_dir)
        self._queue = Queue(self._commands)
        self._setup = Setup(self._commands)
        self._state_dir = state_dir
        self._deliveries: Deliveries | None = None

    async def enforce(self, in_force: tuple[Desired, ...]) -> str:
        """Raises CannotCarryOut, NoLogin, NoLog, NotSetUp, EximFailed, NoOwnDomains, OSError."""
        if not in_force and not self._setup.folder.exists():
            return ""
        redirects = _only(in_force, Measure.SMARTHOST_REDIRECT)
        relays, beyond = self._smarthosts(redirects)
        # Refuses what cannot be carried out before anything is done.
        wanted = tables(in_force, relays)
        await (self._setup.ensure() if in_force else self._setup.look())
        if wanted.authenticated_only is not None:
            beyond.append(await self._hooks())
        beyond.append(await self._watch(redirects))
        await self._put(wanted, relays)
        return "; ".join(filter(None, beyond))

    async def queued(self) -> list[Queued]:
        listed = await self._queue.listing()
        waiting = {e.message.queue_id for e in listed if not e.held}
        stopped, refused = await self._last_words(waiting)
        own = await own_domains(
            self._commands, await self._setup.own_lists(),
            {domain for each in listed if not each.held for domain in each.domains},
        )  # fmt: skip
        return [_queued(each, own, stopped, refused) for each in listed]

    async def hold(self, queue_ids: Collection[str]) -> None:
        await self._queue.hold(queue_ids)

    async def release(self, queue_ids: Collection[str]) -> None:
        await self._queue.release(queue_ids)

    async def discard(self, queue_ids: Collection[str]) -> None:
        await self._queue.discard(queue_ids)

    async def relayed(self, measure: Desired) -> Relayed:
        if measure.restriction.measure is not Measure.SMARTHOST_REDIRECT:
            return Relayed()
        log = await self._log()
        return Relayed(messages=log.total(measure.key), counter=log.name)

    def _smarthosts(self, redirects: tuple[Desired, ...]) -> tuple[dict[str, Smarthost], list[str]]:
        """The smarthosts by measure key, and what is wrong with those in use already.

        A login that is missing does not end a redirect in force, nor spoil other measures: its mail
        waits. Raises CannotCarryOut, and NoLogin for a redirect that is to begin.
        """
        found, wrong = {}, []
        for measure in redirects:
            try:
                found[measure.key] = smarthost(measure, self._state_dir)
            except NoLogin as error:
                host, port = host_and_port(measure.smarthost or "")
                without = Smarthost(kind="", host=host, port=port, login=_NONE)
                if route(without).rpartition("/")[0] not in (self._text(ROUTES) or ""):
                    raise
                found[measure.key] = without
                wrong.append(f"mail for {host} waits: {error}")
        return found, wrong

    async def _hooks(self) -> str:
        """What stands between local mail and our ACL. Raises NotSetUp before it is in force."""
        try:
            await self._setup.require_hooks()
        except NotSetUp as error:
            if self._text(AUTHENTICATED_ONLY) is None:
                raise
            return str(error)
        return ""

    async def _put(self, wanted: Tables, relays: dict[str, Smarthost]) -> None:
        """The live files; a login is there before a route that needs it."""
        held_before = "hold" in (self._text(ROUTES) or "")
        logins = self._setup.folder / LOGINS
        if relays:
            self._setup.write(logins, login_lines(logins_of(relays.values())))
        files = wanted.files(self._setup.folder)
        changed = [file for file, text in files.items() if self._setup.write(file, text)]
        if not relays:
            self._setup.write(logins, None)
        if changed and not held_before:
            # What waited for a limit or a smarthost need not wait for the next queue run.
            await self._queue.run()

    async def _watch(self, redirects: tuple[Desired, ...]) -> str:
        """Read the log from here on, before the first message goes another way."""
        try:
            log = await self._log()
            if redirects != log.watched:
                listed = await self._queue.listing()
                log.watch(redirects, {e.message.queue_id: e.message.sender for e in listed})
        except NoLog as error:
            if redirects:
                raise
            return f"forwarded mail waits, but is not listed among the held ({error})"
        return ""

    async def _last_words(self, queue_ids: Collection[str]) -> tuple[set[str], dict[str, bool]]:
        """Of the waiting messages, those that a hold stopped and those that a smarthost refused."""
        try:
            log = await self._log()
            return log.stopped(queue_ids), log.refused(queue_ids)
        except NoLog:
            return set(), {}

    async def _log(self) -> Deliveries:
        if self._deliveries is None:
            log = await log_file(self._commands)
            self._deliveries = Deliveries(log, self._state_dir / "deliveries.json")
        return self._deliveries

    def _text(self, name: str) -> str | None:
        try:
            return (self._setup.folder / name).read_text()
        except (FileNotFoundError, UnicodeDecodeError):
            return None


async def log_file(commands: Commands) -> Path:
    """The main log in effect. Raises NoLog where Exim writes none that can be read."""
    setting = await commands.setting("log_file_path")
    if not setting:
        setting = f"{await commands.setting('spool_directory')}/log/%slog"
    for each in re.split(r"\s*:\s*", setting):
        if each.startswith("/") and "%s" in each and each.count("%") == 1:
            return Path(each.replace("%s", "main"))
    raise NoLog(f'log_file_path is "{setting}"; have Exim log to one file of a constant name')


def _only(measures: tuple[Desired, ...], kind: Measure) -> tuple[Desired, ...]:
    return tuple(each for each in measures if each.restriction.measure is kind)


def _queued(listed: Listed, own: set[str], stopped: set[str], refused: dict[str, bool]) -> Queued:
    waits = not listed.held and not listed.frozen and bool(listed.domains)
    was_stopped = waits and listed.message.queue_id in stopped
    as_such = refused.get(listed.message.queue_id)
    return Queued(
        message=listed.message,
        on_hold=listed.held or listed.frozen,
        # A recipient here that has not been tried, or is over quota, must not wait for the hold.
        outbound=waits and (was_stopped or not listed.domains & own),
        stopped=was_stopped,
        refused=waits and as_such is not None and refused_for_good(listed.message, as_such=as_such),
    )
