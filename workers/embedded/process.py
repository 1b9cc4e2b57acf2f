"""One program that runs beside us: started, watched until it is ready, stopped in order."""

import asyncio
import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Self

import psutil

from workers.embedded import NotStarted
from workers.embedded.home import Home
from workers.embedded.leftovers import Ours, WillNotEnd, end

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
"""All that a child sees of ours: neither our settings nor variables of its own from elsewhere
(`PGHOST`, `TEMPORAL_ADDRESS`, a proxy) may change what it does."""

_LOG_KEPT = 8 * 1024 * 1024
"""Bytes; a longer log is put aside, as `.old`, when the program is started again."""

_TAIL = 20
"""Lines of the log that an error shows."""

_LOCK_PATIENCE = 5.0
"""Seconds; the last processes of a killed server may need a moment to notice."""


@dataclass(frozen=True, kw_only=True)
class User:
    """The user of the operating system that a child runs under."""

    name: str
    uid: int
    gid: int


class ChildFailed(NotStarted):
    """A program died or was not ready in time; its log says why."""

    def __init__(self, child: "Child", problem: str) -> None:
        super().__init__(f"{child.name} {problem}; the end of {child.log}:\n{child.tail()}")


class StillRunning(NotStarted):
    """A server of an earlier run is alive that is not on the list of our children."""

    def __init__(self, name: str, pids: list[int]) -> None:
        which = ", ".join(map(str, pids)) or "unknown: see it with `fuser` on the file in locks/"
        super().__init__(
            f"a {name} of an earlier run still works on this directory (process {which}); "
            "stop it with `kill -INT`, then start again"
        )


class Child:
    """A running program. Its output goes to `log/<name>.log` in the home."""

    def __init__(
        self, home: Home, name: str, process: asyncio.subprocess.Process, ends_on: Signals
    ) -> None:
        self.name = name
        self.pid = process.pid
        self.log = _log(home, name)
        self._home = home
        self._process = process
        self._ends_on = ends_on
        self._logged_before = 0

    @classmethod
    async def start(
        cls,
        home: Home,
        name: str,
        *command: str | Path,
        user: User | None = None,
        ends_on: Signals = SIGTERM,
    ) -> Self:
        """Start it in a session of its own, so that a Ctrl-C at the terminal is ours to handle.

        `ends_on` is the signal that stops it in order. Raises StillRunning if one of this name is
        alive in this home.
        """
        with _alone(home, name) as lock, _appended(_log(home, name)) as (log, logged_before):
            identity: dict[str, object] = {}
            if user is not None:
                identity = {"user": user.uid, "group": user.gid, "extra_groups": []}
            await _wait_for(lock, name)
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home.path,
                env={**ENVIRONMENT, "HOME": str(home.path)},
                start_new_session=True,
                umask=0o077,
                pass_fds=(lock,),
                **identity,  # type: ignore[arg-type]
            )
        child = cls(home, name, process, ends_on)
        child._logged_before = logged_before
        try:
            created = psutil.Process(process.pid).create_time()
        except psutil.NoSuchProcess:
            return child  # dead already: whoever waits for it will say so
        home.leftovers.add(Ours(pid=child.pid, created=created, name=name, ends_on=ends_on))
        child._created = created
        return child
