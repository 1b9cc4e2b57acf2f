"""One program that runs beside us: started, watched until it is ready, stopped in order."""

import asyncio
import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any, Self

import psutil

from workers.embedded import NotStarted
from workers.embedded.home import Home
from workers.embedded.leftovers import Ours, WillNotEnd, end

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
"""All that a child sees of ours: neither our settings nor variables meant for other servers
(`PGHOST`, `TEMPORAL_ADDRESS`, a proxy) may change what it does."""

_LOG_KEPT = 8 * 1024 * 1024
"""Bytes; a longer log is put aside, as `.old`, when the program is started again."""

_TAIL = 20
"""Lines of the log that an error shows."""

_LOCK_PATIENCE = 5.0
"""Seconds; the last processes of a killed server may need a moment to notice."""

_PAUSE = 0.05
"""Seconds between two looks at something that is about to happen."""


@dataclass(frozen=True, kw_only=True)
class User:
    """The user of the operating system that a child runs under."""

    name: str
    uid: int
    gid: int

    def identity(self) -> dict[str, Any]:
        """What a subprocess takes: this user, and none of our own groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class ChildFailed(NotStarted):
    """A program died or was not ready in time; its log says why."""

    def __init__(self, child: "Child", problem: str) -> None:
        super().__init__(f"{child.name} {problem}; the end of {child.log}:\n{child.tail()}")


class StillRunning(NotStarted):
    """A server of an earlier run is alive, and is not known well enough to be ended for you."""

    def __init__(self, name: str, pids: list[int], home: Path) -> None:
        which = ", ".join(map(str, pids)) or f"see `fuser -v {home / 'locks' / name}`"
        super().__init__(
            f"another {name} still works in {home} (process {which}); stop it with `kill -INT`, "
            "then start again"
        )


class Child:
    """A running program. Its output goes to `log/<name>.log` in the home."""

    def __init__(
        self,
        home: Home,
        name: str,
        process: asyncio.subprocess.Process,
        *,
        ends_on: Signals,
        logged_before: int,
    ) -> None:
        self.name = name
        self.pid = process.pid
        self.log = _log(home, name)
        self._home = home
        self._process = process
        self._ends_on = ends_on
        self._logged_before = logged_before
        self._running = _seen(process.pid)

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
        alive in this home: the lock in `locks/` is inherited by it, and so ends when it ends.
        """
        log = _log(home, name)
        with _opened(home.folder("locks") / name) as lock, _opened(log) as output:
            await _only_one(home, name, lock)
            logged_before = os.fstat(output).st_size
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=home.path,
                env={**ENVIRONMENT, "HOME": str(home.path)},
                start_new_session=True,
                umask=0o077,
                pass_fds=(lock,),
                **(user.identity() if user else {}),
            )
        child = cls(home, name, process, ends_on=ends_on, logged_before=logged_before)
        child._remember()
        return child

    async def wait_until(
        self, probe: Callable[[], Awaitable[bool]], patience: float, what: str
    ) -> None:
        """Ask `probe` until it says yes. Raises ChildFailed if the child dies before, or after
        `patience` seconds; `what` ends the sentence "not … within 9 s" (`ready`)."""
        deadline = time.monotonic() + patience
        while self._process.returncode is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline - time.monotonic()):
                    if await probe():
                        return
            if time.monotonic() >= deadline:
                raise ChildFailed(self, f"was not {what} within {patience:.0f} s")
            await asyncio.sleep(_PAUSE)
        raise ChildFailed(self, f"{self._how_it_ended()} before it was {what}")

    async def ended(self) -> str:
        """Wait until it ends, and say how: `exited with 1`, `was killed by SIGKILL`."""
        await self._process.wait()
        return self._how_it_ended()

    async def finish(self, patience: float) -> None:
        """Wait for a program that ends by itself. Raises ChildFailed unless it exits with 0."""
        how = f"did not finish within {patience:.0f} s"
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    how = await self.ended()
        finally:
            await self.stop()
        if self._process.returncode != 0:
            raise ChildFailed(self, how)

    async def stop(self, patience: float = 10.0) -> None:
        """Ask it to stop, kill it after `patience` seconds. Nothing happens if it has ended."""
        if self._running is not None:
            left = await asyncio.to_thread(end, {self._running: self._ends_on}, patience)
            if left:
                raise WillNotEnd(left)
        await self._process.wait()
        self._home.leftovers.remove(self.pid)

    def tail(self) -> str:
        """The last lines that it wrote in this run."""
        with self.log.open("rb") as file:
            size = self.log.stat().st_size
            file.seek(max(self._logged_before, size - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_TAIL:]) or "  (nothing)"

    def _remember(self) -> None:
        if self._running is not None:
            created = self._running.create_time()
            self._home.leftovers.add(
                Ours(pid=self.pid, created=created, name=self.name, ends_on=self._ends_on)
            )

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        assert code is not None
        return f"exited with {code}" if code >= 0 else f"was killed by {Signals(-code).name}"


def _seen(pid: int) -> psutil.Process | None:
    """The process as psutil knows it: it checks before each signal that the id is still its."""
    try:
        process = psutil.Process(pid)
        process.create_time()
    except psutil.NoSuchProcess:
        return None
    return process


def _log(home: Home, name: str) -> Path:
    log = home.folder("log") / f"{name}.log"
    if log.exists() and log.stat().st_size > _LOG_KEPT:
        log.replace(log.with_suffix(".old"))
    return log


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor to append to that file; it is for one child, no other inherits it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _only_one(home: Home, name: str, lock: int) -> None:
    deadline = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StillRunning(name, _holders(home, name), home.path) from None
        await asyncio.sleep(_PAUSE)


def _holders(home: Home, name: str) -> list[int]:
    """Who has the lock open, as far as we may look."""
    lock = str(home.path / "locks" / name)
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and any(f.path == lock for f in process.open_files()):
                found.append(process.pid)
    return found
