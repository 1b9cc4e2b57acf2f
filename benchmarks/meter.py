"""What processes have used: processor time and memory."""

from collections.abc import Mapping
from contextlib import suppress

import psutil

_SERVER_OF_MANY = "postgres"
"""Serves each session in a process of its own; they are counted with it. Of every other process
the children are other programs, which are counted under their own names or not at all."""


def _family(name: str, process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        if name == _SERVER_OF_MANY:
            return [process, *process.children(recursive=True)]
        return [process]
    return []


def cpu_seconds(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Processor time of each, by name, since it began."""
    used = {}
    for name, process in processes.items():
        total = 0.0
        for each in _family(name, process):
            with suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                total += times.user + times.system
                if name == _SERVER_OF_MANY:  # sessions that have ended meanwhile
                    total += times.children_user + times.children_system
        used[name] = total
    return used


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The processor time between two looks."""
    return {name: after[name] - before[name] for name in after}
