"""Postfix's own commands, run on one instance without a shell."""

import asyncio
from pathlib import Path

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

    async def run(self, program: str, *arguments: str, given: str = "") -> str:
        """What it printed. Raises PostfixFailed."""
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(self.config_dir), *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_SECONDS):
                out, err = await process.communicate(given.encode())
        except TimeoutError as error:
            raise PostfixFailed(f"{program} did not end within {_SECONDS:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            words = err.decode(errors="replace").strip()
            if process.returncode == 1 and not words:
                raise WithoutAWord(f"{program} {arguments[0]}: ended with 1; see Postfix's log")
            raise PostfixFailed(f"{program}: {words or f'ended with {process.returncode}'}")
        return out.decode(errors="replace")

    async def setting(self, name: str, *, expanded: bool = False) -> str:
        """A setting of main.cf, as it is written there or with its `$names` filled in."""
        arguments = ("-xh", name) if expanded else ("-h", name)
        return (await self.run("postconf", *arguments)).strip()
