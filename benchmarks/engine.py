"""The embedded Temporal server with and without the two SQLite settings that Plazo gives it.

`journal_mode=WAL` and `synchronous=NORMAL`. The ratio is what they bring. `kept` is how many of the
workflows that the server had acknowledged are there after SIGKILL: NORMAL may lose what was written
in the last moment before a power cut, a killed process loses nothing.
"""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.table import Table, row
from workers.embedded import programs

COUNT = 300
ROUNDS = 3
AT_ONCE = 32

_TUNED = ("--sqlite-pragma=journal_mode=WAL", "--sqlite-pragma=synchronous=NORMAL")


async def measure(count: int = COUNT, rounds: int = ROUNDS) -> Table:
    """Both kinds in turn, each round on fresh servers."""
    rates: dict[str, dict[str, list[float]]] = {
        kind: {"workflows": [], "signals": []} for kind in ("tuned", "plain")
    }
    kept = []
    for _ in range(rounds):
        for kind, pragmas in (("tuned", _TUNED), ("plain", ())):
            with tempfile.TemporaryDirectory(prefix="plazo-bench-") as folder:
                file = Path(folder) / "temporal.sqlite"
                async with _server(file, pragmas) as (client, process):
                    started = await _each(count, lambda n, c=client: _start(c, n))
                    signalled = await _each(count, lambda n, c=client: _signal(c, n))
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                rates[kind]["workflows"].append(started)
                rates[kind]["signals"].append(signalled)
                if kind == "tuned":
                    kept.append(await _count(file, pragmas, count))
    rows = []
    for what in ("workflows", "signals"):
        tuned, plain = rates["tuned"][what], rates["plain"][what]
        rows += [
            row(f"{what} started" if what == "workflows" else what, "per second", tuned),
            row(f"{what}, settings as shipped", "per second", plain),
            row(f"{what}, tuned : as shipped", "ratio",
                [a / b for a, b in zip(tuned, plain, strict=True)]),
        ]  # fmt: skip
    rows.append(row("kept after SIGKILL", "workflows", min(kept), at_least=count))
    return Table(title=f"engine: {count} workflows and signals a round", rows=tuple(rows))


async def _start(client: Client, number: int) -> None:
    await client.start_workflow("Nobody", id=f"w-{number}", task_queue="nobody")


async def _signal(client: Client, number: int) -> None:
    await client.get_workflow_handle(f"w-{number}").signal("news")


async def _each(count: int, act) -> float:  # type: ignore[no-untyped-def]
    left = iter(range(count))

    async def hand() -> None:
        for number in left:
            await act(number)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(hand())
    return count / (time.perf_counter() - start)


async def _count(file: Path, pragmas: tuple[str, ...], count: int) -> int:
    """How many a server on the file of a killed one knows, each asked for by name."""
    async with _server(file, pragmas) as (client, _):
        found = 0
        for number in range(count):
            try:
                await client.get_workflow_handle(f"w-{number}").describe()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            else:
                found += 1
    return found


@asynccontextmanager
async def _server(
    file: Path, pragmas: tuple[str, ...]
) -> AsyncIterator[tuple[Client, subprocess.Popen[bytes]]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
        [
            programs.temporal(), "server", "start-dev", "--headless", f"--port={port}",
            "--ip=127.0.0.1", f"--db-filename={file}", "--log-level=never",
            "--disable-config-file", "--disable-config-env",
            "--dynamic-config-value", "frontend.enableServerVersionCheck=false", *pragmas,
        ],
        env={"PATH": os.defpath}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield await _connected(port), process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait()


async def _connected(port: int) -> Client:
    async with asyncio.timeout(60):
        while True:
            try:
                client = await Client.connect(f"127.0.0.1:{port}")
                await client.count_workflows()
            except (RuntimeError, OSError) as error:
                del error
                await asyncio.sleep(0.1)
            else:
                return client
