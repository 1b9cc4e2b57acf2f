"""The stack that is measured: `plazo up` as a process, in a home that is gone afterwards."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
from asyncpg import Pool
from dotenv import dotenv_values
from temporalio.client import Client

from book.database import open_pool
from workers.embedded.home import Home

_READY_PATIENCE = 120.0
"""Seconds; after a SIGKILL both servers first recover what was written."""

_PAUSE = 0.05


class NotUp(Exception):
    """`plazo up` did not come up; its log says why."""


@dataclass
class Stack:
    """`plazo up` in `home`, its worker with all the rest of Plazo in `process`."""

    home: Path
    process: asyncio.subprocess.Process
    pool: Pool = field(repr=False)
    client: Client = field(repr=False)
    address: str
    """Temporal's."""

    @classmethod
    async def up(cls, folder: Path, env: Mapping[str, str]) -> Self:
        """Start it and wait until it is up. Raises NotUp."""
        home, log = folder / "home", folder / "up.log"
        said = log.stat().st_size if log.exists() else 0
        process = await program(log, "-m", "workers.cli", "up", env={
            **env, "PLAZO_HOME": str(home), "HOME": str(folder),
        })  # fmt: skip
        connection = Home.at(home).connection_file
        deadline = time.monotonic() + _READY_PATIENCE
        # By its word, not by that file: a killed run leaves its own behind.
        while b"Up. " not in log.read_bytes()[said:]:
            if process.returncode is not None or time.monotonic() > deadline:
                raise NotUp(log.read_text()[-2_000:])
            await asyncio.sleep(_PAUSE)
        known = {name: value for name, value in dotenv_values(connection).items() if value}
        return cls(
            home=home,
            process=process,
            pool=await open_pool(known["PLAZO_DATABASE_URL"]),
            client=await Client.connect(known["TEMPORAL_ADDRESS"]),
            address=known["TEMPORAL_ADDRESS"],
        )

    def servers(self) -> dict[str, psutil.Process]:
        """PostgreSQL's and Temporal's processes, by name."""
        children = json.loads((self.home / "children.json").read_text())
        return {each["name"]: psutil.Process(each["pid"]) for each in children}

    async def stop(self) -> None:
        """End it in order."""
        await self.pool.close()
        await end(self.process)

    async def kill(self) -> None:
        """SIGKILL to every process of it at once: the worker, PostgreSQL, Temporal."""
        servers = self.servers().values()
        doomed = [psutil.Process(self.process.pid), *servers]
        doomed += [each for one in servers for each in one.children(recursive=True)]
        for each in doomed:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        await self.process.wait()
        await asyncio.to_thread(psutil.wait_procs, doomed, 10.0)
        self.pool.terminate()


@asynccontextmanager
async def up(folder: Path, env: Mapping[str, str]) -> AsyncIterator[Stack]:
    """A stack while the block lasts."""
    stack = await Stack.up(folder, env)
    try:
        yield stack
    finally:
        await stack.stop()


async def program(log: Path, *arguments: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a program of ours with this Python; what it says goes to the end of `log`."""
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            cwd=Path(__file__).parent.parent,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", **env},
        )  # fmt: skip


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a program of ours to stop, and wait until it has."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    await process.wait()
