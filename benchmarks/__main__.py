"""`python -m benchmarks [NAME …]`: run them, print their tables; exits 1 if a requirement fails."""

import asyncio
import os
import sys

from rich.console import Console

from benchmarks import (
    attribution,
    blocklists,
    deliveries,
    desk,
    engine,
    history,
    incidents,
    intake,
    measures,
    metering,
    money,
    parsing,
    storms,
    waiting,
)
from benchmarks.table import draw

BENCHMARKS = {
    "history": history.measure,
    "incidents": incidents.measure,
    "engine": engine.measure,
    "waiting": waiting.measure,
    "intake": intake.measure,
    "storms": storms.measure,
    "attribution": attribution.measure,
    "parsing": parsing.measure,
    "measures": measures.measure,
    "blocklists": blocklists.measure,
    "deliveries": deliveries.measure,
    "desk": desk.measure,
    "metering": metering.measure,
    "money": money.measure,
}


def main() -> int:
    """0, 1 when a requirement is not met, 2 for an unknown name."""
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    console, held = Console(width=120), True
    for name in names:
        table = asyncio.run(BENCHMARKS[name]())
        draw(table, console)
        held = held and table.held
    return 0 if held else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Temporal's SDK may abort the interpreter at exit; see workers/leave.py.
    os._exit(code)
