"""Metering a million relayed messages from Postfix's and Exim's logs: time and peak memory.

Each log is written as the mail server writes it, with some messages in the queue at once, among
others that go elsewhere, and read by the host agent's own counter, in a process of its own: so the
peak is that of an agent which reads all of it at once, as after a long outage. Then a reading for
each message is added up as the bill does it.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from agents.mta.exim.deliveries import Deliveries
from agents.mta.postfix.maillog import RelayedLog
from benchmarks.table import Row, Table, row
from domain.hosts import Desired, Wanted
from domain.measures import Measure, Restriction, Scope
from domain.money.metering import HOST, Reading, counted

COUNT = 1_000_000
IN_QUEUE = 200
"""Messages between their first line and their last."""
OTHERS = 4
"""One message in so many is of another domain, and goes elsewhere."""

_REDIRECT = Desired(
    key="incident-vps-1-1/measure/1",
    restriction=Restriction(
        measure=Measure.SMARTHOST_REDIRECT, scope=Scope.DOMAIN, targets=("shop.example",)
    ),
    wanted=Wanted.APPLIED,
    smarthost="smart.example:2525",
)


async def measure(count: int = COUNT) -> Table:
    """Both mail servers in turn, each in a fresh process."""
    rows: list[Row] = []
    for kind in ("postfix", "exim"):
        found = await asyncio.to_thread(_in_a_process, kind, count)
        rows += [
            row(f"{kind}: messages metered", "", found["counted"], at_least=count),
            row(f"{kind}: log", "MB", found["bytes"] / 1e6),
            row(f"{kind}: time", "s", found["seconds"]),
            row(f"{kind}: rate", "messages/s", found["counted"] / found["seconds"]),
            row(f"{kind}: peak memory", "MB", found["peak"] / 1e3),
            row(f"{kind}: of that, for the reading", "MB", found["more"] / 1e3),
            row(f"{kind}: more counted by reading it again", "", found["again"], at_most=0),
        ]
    seconds, quantity = _added_up(count)
    rows.append(row("adding up a reading of each message", "s", seconds))
    rows.append(row("their sum", "messages", quantity, at_least=count))
    return Table(
        title=f"metering: {count:,} relayed messages, and {count // OTHERS:,} others between them",
        rows=tuple(rows),
        notes=(f"{IN_QUEUE} messages in the queue at once; every reading repeated and reversed",),
    )


def _in_a_process(kind: str, count: int) -> dict[str, float]:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.metering", kind, str(count)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(said.stdout)
    return found


def read_once(kind: str, count: int, folder: Path) -> dict[str, float]:
    """Write a log of so many messages, and meter it."""
    log, state = folder / "log", folder / "state"
    log.touch()
    lines, counter = _POSTFIX if kind == "postfix" else _EXIM
    total = counter(log, state)
    with log.open("w", buffering=1 << 20) as opened:
        opened.writelines(_interleaved(lines, count))
    before = _peak()
    began = time.perf_counter()
    found = total()
    seconds = time.perf_counter() - began
    peak = _peak()
    return {
        "counted": found, "bytes": log.stat().st_size, "seconds": seconds, "peak": peak,
        "more": peak - before, "again": counter(log, state)() - found,
    }  # fmt: skip


def _peak() -> int:
    """The most memory that this process has had, in kB; getrusage knows of the one before exec."""
    status = Path("/proc/self/status").read_text()
    return int(next(e for e in status.splitlines() if e.startswith("VmHWM")).split()[1])


def _interleaved(lines: Callable[[int, bool], list[str]], count: int) -> Iterator[str]:
    """The lines of each message in order, and those of many messages mixed."""
    waiting: deque[deque[str]] = deque()
    for number in range(count + count // OTHERS):
        waiting.append(deque(lines(number, number % (OTHERS + 1) == OTHERS)))
        while len(waiting) >= IN_QUEUE:
            first = waiting.popleft()
            yield first.popleft()
            if first:
                waiting.append(first)
    while waiting:
        first = waiting.popleft()
        yield from first


def _postfix(number: int, other: bool) -> list[str]:
    queue_id = f"4j{number:010X}"
    sender, relay = ("bakery", "mx.far.example[198.51.100.9]:25") if other else (
        "shop", "smart.example[192.0.2.25]:2525"
    )  # fmt: skip
    where = f"{_time('2026-11-24T', number)}.123+01:00 mx1 postfix"
    return [
        f"{where}/smtpd[6230]: {queue_id}: client=web.{sender}.example[192.0.2.80]\n",
        f"{where}/cleanup[6231]: {queue_id}: message-id=<{number}@{sender}.example>\n",
        f"{where}/qmgr[6229]: {queue_id}: from=<info@{sender}.example>, size=4190, nrcpt=1 "
        "(queue active)\n",
        f"{where}/smtp[6236]: {queue_id}: to=<friend{number}@far.example>, relay={relay}, "
        "delay=0.31, delays=0.01/0/0.1/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued)\n",
        f"{where}/qmgr[6229]: {queue_id}: removed\n",
    ]


def _exim(number: int, other: bool) -> list[str]:
    digits = f"{number:08d}"
    message = f"1xW{digits[:3]}-00{digits[3:7]}-{digits[7]}A"
    sender = "bakery" if other else "shop"
    by = "R=dnslookup T=remote_smtp" if other else "R=plazo_smarthost T=plazo_smarthost"
    stamp = _time("2026-11-24 ", number)
    return [
        f"{stamp} {message} <= info@{sender}.example H=web.{sender}.example [192.0.2.80] P=esmtp "
        f"S=4190 id={number}@{sender}.example\n",
        f"{stamp} {message} => friend{number}@far.example {by} H=smart.example [192.0.2.25] "
        'C="250 2.0.0 Ok: queued"\n',
        f"{stamp} {message} Completed\n",
    ]


def _time(day: str, number: int) -> str:
    return f"{day}{number // 3_600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"


def _by_postfix(log: Path, state: Path) -> Callable[[], int]:
    relayed = RelayedLog(log, state)
    relayed.watch((_REDIRECT,))
    return lambda: relayed.total(_REDIRECT.key)


def _by_exim(log: Path, state: Path) -> Callable[[], int]:
    deliveries = Deliveries(log, state)
    if not deliveries.watched:
        deliveries.watch((_REDIRECT,), {})
    return lambda: deliveries.total(_REDIRECT.key)


_POSTFIX = _postfix, _by_postfix
_EXIM = _exim, _by_exim


def _added_up(count: int) -> tuple[float, int]:
    """A reading after each message, all twice and the last first, in seconds and messages."""
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    readings = [
        Reading(id=n, source=HOST, host="mx1", measure="m-1", epoch=str(n % 3), value=n // 3 + 1,
                taken_at=moment)
        for n in range(count)
    ]  # fmt: skip
    again = [*readings[::-1], *readings]
    began = time.perf_counter()
    quantity = counted(again).quantity
    return time.perf_counter() - began, quantity


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(read_once(sys.argv[1], int(sys.argv[2]), Path(place))))
