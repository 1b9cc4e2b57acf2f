"""What processes have used: processor time and memory."""

from collections.abc import Mapping
from contextlib import suppress

import psutil


def _family(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def cpu_seconds(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Processor time of each with all that it started, since it began."""
    used = {}
    for name, process in processes.items():
        total = 0.0
        for each in _family(process):
            with suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        used[name] = total
    return used


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The processor time between two looks."""
    return {name: after[name] - before[name] for name in after}


def mebibytes(process: psutil.Process) -> float:
    """Resident memory of a process with all that it started; shared pages are counted once."""
    total = 0
    for each in _family(process):
        with suppress(psutil.NoSuchProcess):
            try:
                total += each.memory_full_info().pss
            except psutil.AccessDenied:  # of another user, and we are not root
                total += each.memory_info().rss
    return total / 2**20
