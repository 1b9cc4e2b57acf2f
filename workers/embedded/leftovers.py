"""Which running processes are ours, kept on disk so that the next run can end what one left.

A process is told by its id together with the moment it was created: ids are used again, after a
reboot soon, and a process of anyone else's must never be touched.
"""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import Signals

import psutil

from workers.embedded import NotStarted

SWEEP_PATIENCE = 20.0
"""Seconds that leftovers get to stop by themselves; PostgreSQL writes a checkpoint meanwhile."""

_KILL_PATIENCE = 10.0
"""Seconds until a killed process must be gone; only one stuck in the kernel takes longer."""


class WillNotEnd(NotStarted):
    """A process of an earlier run is still there after SIGKILL."""

    def __init__(self, processes: Iterable[psutil.Process]) -> None:
        pids = ", ".join(str(process.pid) for process in processes)
        super().__init__(
            f"process {pids} of an earlier run does not end, even killed; "
            "its disk may hang: see the system's log"
        )


@dataclass(frozen=True, kw_only=True)
class Ours:
    """One process that we started. `created` is psutil's, in seconds since the epoch."""

    pid: int
    created: float
    name: str
    ends_on: int
    """The signal that asks it to stop in order."""

    def process(self) -> psutil.Process | None:
        """That very process if it still runs, and no other that has got its id."""
        try:
            found = psutil.Process(self.pid)
            same = found.create_time() == self.created
        except psutil.Error:
            return None
        return found if same and not _gone(found) else None


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """The list of our running processes, in a file that is always whole."""

    file: Path

    def add(self, ours: Ours) -> None:
        self._write([*self._read(), ours])

    def remove(self, pid: int) -> None:
        self._write([ours for ours in self._read() if ours.pid != pid])

    def sweep(self) -> tuple[str, ...]:
        """End those of the list that still run, and empty it. Their names. Raises WillNotEnd."""
        running = {ours: process for ours in self._read() if (process := ours.process())}
        left = end({process: Signals(ours.ends_on) for ours, process in running.items()})
        if left:
            raise WillNotEnd(left)
        self._write([])
        return tuple(ours.name for ours in running)

    def _read(self) -> list[Ours]:
        try:
            return [Ours(**entry) for entry in json.loads(self.file.read_text())]
        except (FileNotFoundError, json.JSONDecodeError):
            return []  # not whole after a power cut: nothing of that run lives

    def _write(self, children: list[Ours]) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps([asdict(ours) for ours in children], indent=1))
        fresh.replace(self.file)


def end(
    processes: dict[psutil.Process, Signals], patience: float = SWEEP_PATIENCE
) -> list[psutil.Process]:
    """Ask each to stop by its signal, kill after `patience` seconds with all they started.

    Blocks. Gives what is still there in spite of it. psutil checks the creation time again before
    each signal.
    """
    family = list(processes)
    for process, ends_on in processes.items():
        with suppress(psutil.NoSuchProcess):
            family += process.children(recursive=True)
            process.send_signal(ends_on)
    for survivor in _wait(family, patience):
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    return _wait(family, _KILL_PATIENCE)


def _wait(processes: list[psutil.Process], patience: float) -> list[psutil.Process]:
    deadline = time.monotonic() + patience
    while (left := [one for one in processes if not _gone(one)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _gone(process: psutil.Process) -> bool:
    """A zombie counts as gone: in a container there may be nobody to bury it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
