"""Exim's own command line, run on one instance without a shell."""

import asyncio
import os
import shutil
from pathlib import Path

from agents import programs

_SECONDS = 120.0
"""Longest that one command may take; a queue of 100,000 is listed in some seconds."""
_PLACES = "/usr/sbin:/usr/local/sbin"
"""Where the program is, besides what PATH says: services often start without these."""
_BUILT_IN = (Path("/etc/exim4"), Path("/etc/exim"), Path("/etc"), Path("/usr/local/etc/exim"))
"""Where Debian, Red Hat, cPanel and FreeBSD have the configuration that Exim reads by itself."""
_FILES = ("exim4.conf", "exim.conf", "configure")


class EximFailed(Exception):
    """A command of Exim did not succeed; the message has its words."""


class Commands:
    """`exim`, with `-C` where `config_dir` is not one that Exim reads by itself."""

    def __init__(self, config_dir: Path) -> None:
        self.config_dir = config_dir

    async def run(self, *arguments: str, given: str = "") -> str:
        """What it printed. Raises EximFailed."""
        code, out, err = await self.tried(*arguments, given=given)
        if code != 0:
            raise EximFailed(f"exim {arguments[0]}: {err or out.strip() or f'ended with {code}'}")
        return out

    async def tried(self, *arguments: str, given: str = "") -> tuple[int, str, str]:
        """How it ended, what it printed, and its complaints."""
        command = (*self._command(), *arguments)
        try:
            ended = await programs.run(*command, seconds=_SECONDS, given=given, env=_environment())
        except programs.TooSlow as error:
            raise EximFailed(f"exim {arguments[0]} {error}") from error
        return ended.code, ended.out, ended.err

    async def start(self, *arguments: str) -> None:
        """Have it done without waiting: a delivery takes as long as the other server likes."""
        process = await asyncio.create_subprocess_exec(
            "setsid", "--fork", *self._command(), *arguments, env=_environment(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        if await process.wait() != 0:
            raise EximFailed(f"exim {arguments[0]} could not be started")

    async def setting(self, name: str) -> str:
        """A main option as it is in effect, its macros filled in."""
        return (await self.run("-bP", name)).rstrip("\n").partition(" = ")[2]

    def _command(self) -> list[str]:
        path = _environment()["PATH"]
        found = shutil.which("exim4", path=path) or shutil.which("exim", path=path)
        if found is None:
            raise EximFailed(f"neither exim4 nor exim is in {path}")
        if self.config_dir in _BUILT_IN:
            return [found]
        for name in _FILES:
            if (file := self.config_dir / name).exists():
                return [found, "-C", str(file)]
        raise EximFailed(f"{self.config_dir} has none of {', '.join(_FILES)}")


def _environment() -> dict[str, str]:
    """Exim warns of any variable that it was not told to keep."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": f"{path}:{_PLACES}", "LC_ALL": "C"}
