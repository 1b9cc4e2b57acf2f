"""Postfix's own commands, run on one instance without a shell."""

from pathlib import Path

from agents import programs

_SECONDS = 120.0
"""Longest that one command may take: `postsuper` on a queue of 100,000 takes some seconds."""


class PostfixFailed(Exception):
    """A command of Postfix did not succeed; the message has its words."""


class WithoutAWord(PostfixFailed):
    """The command ended with 1 and said nothing: what it was asked for is not there."""


class Commands:
    """`postconf`, `postqueue` and the rest, with `-c config_dir`."""

    def __init__(self, config_dir: Path) -> None:
        self.config_dir = config_dir
        self._known: dict[tuple[str, ...], tuple[tuple[int, int], str]] = {}

    async def run(self, program: str, *arguments: str, given: str = "") -> str:
        """What it printed. Raises PostfixFailed."""
        command = (program, "-c", str(self.config_dir), *arguments)
        try:
            ended = await programs.run(*command, seconds=_SECONDS, given=given)
        except programs.TooSlow as error:
            raise PostfixFailed(f"{program} {error}") from error
        if ended.code != 0:
            # Each says what it thinks of the configuration, whatever it was asked.
            words = "\n".join(line for line in ended.err.splitlines() if "warning:" not in line)
            if ended.code == 1 and not words:
                raise WithoutAWord(f"{program} {arguments[0]}: ended with 1; see Postfix's log")
            raise PostfixFailed(f"{program}: {words or ended.err or f'ended with {ended.code}'}")
        return ended.out

    async def configuration(self, *arguments: str) -> str:
        """What postconf(1) shows; asked again only when the file that it reads is another."""
        file = self.config_dir / ("master.cf" if arguments[0] == "-M" else "main.cf")
        try:
            found = file.stat()
        except OSError as error:
            raise PostfixFailed(f"{file}: {error.strerror}; set PLAZO_MTA") from error
        stamp = (found.st_ino, found.st_mtime_ns)
        known = self._known.get(arguments)
        if known is None or known[0] != stamp:
            known = self._known[arguments] = stamp, await self.run("postconf", *arguments)
        return known[1]

    async def setting(self, name: str, *, expanded: bool = False) -> str:
        """A setting of main.cf, as it is written there or with its `$names` filled in."""
        arguments = ("-xh", name) if expanded else ("-h", name)
        return (await self.configuration(*arguments)).strip()

    async def settings(self, *names: str) -> dict[str, str]:
        """Settings of main.cf as they are written there, by name."""
        lines = (await self.configuration("-h", *names)).splitlines()
        return {name: line.strip() for name, line in zip(names, lines, strict=True)}

    async def reload(self) -> None:
        """Have every part of Postfix read its tables anew. Raises PostfixFailed."""
        try:
            await self.run("postfix", "reload")
        except WithoutAWord as error:
            raise PostfixFailed(
                f"the Postfix of {self.config_dir} is not running; the measure is set up for its "
                "start"
            ) from error
