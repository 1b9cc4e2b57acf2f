"""`plazo` as people run it: a process of its own, with an environment of its own."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
ROOT = os.geteuid() == 0
NOBODY = 65534
_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class Running:
    """A process that stays, and what it has said so far on both streams."""

    process: Process
    text: str = ""
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def says(self, words: str) -> str:
        """Everything that it has said, once the words are among it."""
        async with asyncio.timeout(_PATIENCE):
            while words not in self.text:
                if self.process.returncode is not None:
                    raise AssertionError(f"ended without saying {words!r}:\n{self.text}")
                self._more.clear()
                await self._more.wait()
        return self.text

    async def ends(self, number: signal.Signals | None = None) -> int:
        """Its exit code, once the signal has had its effect."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(_PATIENCE):
            return await self.process.wait()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.text += line.decode()
            self._more.set()
        await self.process.wait()
        self._more.set()


@dataclass(frozen=True, kw_only=True)
class Plazo:
    """The command line, with `home` as $PLAZO_HOME and nothing of our own environment but PATH.

    `prefix` goes in front, such as `setpriv`.
    """

    home: Path
    env: Mapping[str, str]
    prefix: tuple[str, ...] = ()

    async def __call__(
        self, *arguments: str, given: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Said:
        """Run a command to its end."""
        process = await self._start(arguments, env, stderr=subprocess.PIPE)
        async with asyncio.timeout(_PATIENCE):
            out, err = await process.communicate(given)
        assert process.returncode is not None
        return Said(code=process.returncode, out=out.decode(), err=err.decode())

    @asynccontextmanager
    async def running(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> AsyncIterator[Running]:
        """Run a command that stays; it is killed if it is still there at the end of the block."""
        running = Running(process=await self._start(arguments, env, stderr=subprocess.STDOUT))
        listening = asyncio.create_task(running.listen())
        try:
            yield running
        finally:
            if running.process.returncode is None:
                running.process.kill()
            await listening

    async def _start(
        self, arguments: tuple[str, ...], env: Mapping[str, str] | None, stderr: int
    ) -> Process:
        return await asyncio.create_subprocess_exec(
            *self.prefix, sys.executable, "-m", "workers.cli", *arguments,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            cwd=self.home.parent,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(REPOSITORY),
                "PLAZO_HOME": str(self.home),
                "COLUMNS": "200",
                **self.env,
                **(env or {}),
            },
        )  # fmt: skip


def as_user(uid: int) -> tuple[str, ...]:
    """A prefix for a command. The capability lets it read an interpreter that lies in root's own
    directory; it gives no right to write, and PostgreSQL only minds the user."""
    if not ROOT:
        return ()
    return (
        "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
        "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
    )  # fmt: skip
