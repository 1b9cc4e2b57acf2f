"""Where outgoing mail goes, decided by its envelope sender: one table, two settings of main.cf.

`sender_dependent_default_transport_maps` (postconf(5)) concerns only destinations that are not the
host's own, mail by SMTP and by the sendmail command alike, and mail that is queued already, because
the queue manager asks for the route at each attempt. A result's next hop comes before `relayhost`.

The table is of type regexp: it is built into every Postfix, needs no postmap, and can say "every
sender" after "this domain". Postfix does not notice by itself when such a table changes, so every
change ends with `postfix reload`, which also sends what is being delivered through the table.

Held mail gets a transport of its own that `defer_transports` names, so that the queue manager
defers it. The `retry` transport would not do: smtpd(8) refuses recipients that are routed there.
"""

import re
from collections.abc import Iterable

from agents.files import replace_file
from agents.mta.port import CannotCarryOut
from agents.mta.postfix.commands import Commands, PostfixFailed, WithoutAWord
from agents.outbound import HOLDS, in_order
from domain.hosts import Desired
from domain.measures import Scope

SETTING = "sender_dependent_default_transport_maps"
_HELD = "plazo-hold"
"""In no master.cf: without `defer_transports` there would be nothing that could deliver it."""
STOPPED = "deferred transport"
"""The queue manager's reason, in the queue and in the log, for mail that a hold stopped."""
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_SMARTHOST = re.compile(r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>\d{1,5})")


class Routes:
    """The table beside main.cf, and what makes Postfix use it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._table = commands.config_dir / "plazo-senders.regexp"
        self._loaded: tuple[str, ...] | None = None
        """What Postfix has read for certain; nothing after a start, so it is told once more."""

    async def set(self, in_force: tuple[Desired, ...]) -> None:
        """Have these measures decide, in front of what an administrator has set up."""
        text = table(in_force)
        if not in_force and not self._table.exists():
            return
        found = self._table.read_text() if self._table.exists() else None
        if found != text:
            replace_file(self._table, text, mode=0o644)
        settings = (
            await self._first(SETTING, f"regexp:{self._table}"),
            await self._first("defer_transports", _HELD),
        )
        if self._loaded != (text, *settings) or found != text:
            self._loaded = None
            await self._reload()
            self._loaded = (text, *settings)

    async def _reload(self) -> None:
        try:
            await self._commands.run("postfix", "reload")
        except WithoutAWord as error:
            where = self._commands.config_dir
            raise PostfixFailed(
                f"the Postfix of {where} is not running; the measure is set up for its start"
            ) from error

    async def _first(self, setting: str, ours: str) -> str:
        """Have our element in front of a list's others; the whole list."""
        found = await self._commands.setting(setting)
        theirs = found.replace(ours, "").strip(", \t\n")
        whole = f"{ours}, {theirs}" if theirs else ours
        if found != whole:
            self._loaded = None
            await self._commands.run("postconf", "-e", f"{setting} = {whole}")
        return whole

    async def beyond(self) -> str:
        """What the table does not reach: transport_maps(5) is asked first, by recipient."""
        other = await self._commands.setting("transport_maps", expanded=True)
        return f"destinations listed in transport_maps ({other}) pass it by" if other else ""


def table(in_force: Iterable[Desired]) -> str:
    """The first line that fits a sender decides. Raises CannotCarryOut."""
    lines = ["# Written by the Plazo host agent; changes are undone. Held mail: postqueue -p"]
    for measure in in_order(in_force):
        route = _route(measure)
        if measure.restriction.scope is Scope.SERVER:
            lines.append(f"/^/ {route}")
            continue
        for target in measure.restriction.targets:
            lines.append(f"/@{_domain(target).replace('.', '[.]')}$/ {route}")
    return "\n".join([*lines, ""])


def smarthost(measure: Desired) -> tuple[str, int]:
    """Host and port; an IPv6 address is in brackets. Raises CannotCarryOut."""
    match = _SMARTHOST.fullmatch(measure.smarthost or "")
    if match is None or not 0 < int(match["port"]) < 65_536:
        raise CannotCarryOut(f'"{measure.smarthost}" is no smarthost; expected host:port')
    return match["host"], int(match["port"])


def _route(measure: Desired) -> str:
    if measure.restriction.measure in HOLDS:
        return f"{_HELD}:"
    host, port = smarthost(measure)
    return f"smtp:[{host.strip('[]')}]:{port}"


def _domain(target: str) -> str:
    if _DOMAIN.fullmatch(target.lower()) is None:
        raise CannotCarryOut(f'"{target}" is no domain name in ASCII letters')
    return target.lower()
