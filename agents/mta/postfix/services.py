"""master.cf (master(5)), read and changed with `postconf`, which replaces it in one step.

What has to take hold at once is not written to main.cf: every program of Postfix waits up to two
seconds before it reads a main.cf that has just been changed.
"""

import re
from collections.abc import Mapping
from typing import Self

from agents.mta.postfix.commands import Commands

_COMMAND = 7
"""A line's field, after name, type, private, unprivileged, chroot, wake-up and process limit."""
_OPTION = re.compile(r" -o (?:\{(\w+)=(.*?)\}(?= -|$)|(\w+)=(\S*))")


class Services:
    """The services of one instance as they stood when they were read, by name (`smtp/unix`)."""

    def __init__(self, commands: Commands, listing: str) -> None:
        self._commands = commands
        lines = [" ".join(line.split()) for line in re.sub(r"\n\s+", " ", listing).splitlines()]
        self._entries = {"/".join(line.split(" ", 2)[:2]): line for line in lines}

    @classmethod
    async def read(cls, commands: Commands) -> Self:
        """Raises PostfixFailed."""
        return cls(commands, await commands.configuration("-M"))

    def smtpd(self) -> list[str]:
        """Those that take mail by SMTP."""
        return [name for name in self._entries if self.command(name) == "smtpd"]

    def clients(self) -> list[str]:
        """Those that hand mail on by SMTP."""
        return [name for name in self._entries if self.command(name) == "smtp"]

    def outward(self) -> list[str]:
        """The transports that speak SMTP to other hosts, without ours."""
        names = [each.removesuffix("/unix") for each in self.clients() if each.endswith("/unix")]
        return [each for each in names if not each.startswith("plazo-")]

    def beginning(self, prefix: str) -> list[str]:
        """Services whose name begins so."""
        return [name for name in self._entries if name.startswith(prefix)]

    def command(self, name: str) -> str | None:
        """The program that a service is, or None where there is no such service."""
        entry = self._entries.get(name)
        return None if entry is None else entry.split(" ")[_COMMAND]

    def setting(self, name: str, setting: str) -> str | None:
        """What a service says for itself instead of main.cf; None where it does not."""
        return _options(self._entries.get(name, "")).get(setting)

    def like(self, other: str, name: str, settings: Mapping[str, str]) -> str:
        """The line of a service `name` that is as `other` is, with some settings of its own."""
        line = self._entries[f"{other}/unix"].split(" ", 1)[1]
        return _with(f"{name} {line}", settings)

    def having(self, name: str, settings: Mapping[str, str | None]) -> str:
        """A service's line with some settings of its own; None takes one away."""
        return _with(self._entries[name], settings)

    async def put(self, wanted: Mapping[str, str]) -> bool:
        """Have these lines, by name, in one step; whether any was another."""
        known = self._entries.get
        changes = [f"{name}={line}" for name, line in wanted.items() if known(name) != line]
        if changes:
            await self._commands.run("postconf", "-Me", *changes)
        return bool(changes)

    async def drop(self, *names: str) -> None:
        """Have none of these."""
        if present := [name for name in names if name in self._entries]:
            await self._commands.run("postconf", "-MX", *present)


def _options(line: str) -> dict[str, str]:
    return {a or c: b or d for a, b, c, d in _OPTION.findall(line)}


def _with(line: str, settings: Mapping[str, str | None]) -> str:
    """As `postconf -M` shows it: what it shows is compared with what was asked for."""
    options: dict[str, str | None] = {**_options(line), **settings}
    whole = [f"{k}={' '.join(v.split())}" for k, v in options.items() if v is not None]
    return " ".join(
        [
            _OPTION.sub("", line),
            *(f"-o {{{each}}}" if " " in each else f"-o {each}" for each in whole),
        ]
    )
