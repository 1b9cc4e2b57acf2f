"""The demo."""

import asyncio
import logging
from enum import StrEnum
from typing import Annotated

import typer

from workers.demo import show
from workers.demo.paths import PATHS
from workers.leave import REFUSED, until_told

PathName = StrEnum("PathName", [(name, name) for name in PATHS])  # type: ignore[misc]


_FIRST = next(iter(PathName))


def demo(
    path: Annotated[PathName, typer.Option(help="Which way the incident goes.")] = _FIRST,
    keep: Annotated[
        bool, typer.Option(help="Stay up at the end: Temporal's UI, console, portal.")
    ] = False,
    verbose: Annotated[bool, typer.Option(help="Show the log as well.")] = False,
) -> int:
    """A whole incident on real servers, sped up: spam, report, deadline, measure, release, close.

    Exits 0 only if each effect was seen from outside: the queue, the inbox, DNS, the ledger.
    """
    if not verbose:
        logging.getLogger().setLevel(logging.ERROR)
    seen = False

    async def perform(stopping: asyncio.Event) -> None:
        nonlocal seen
        seen = await show.perform(path.value, stopping, keep=keep)

    asyncio.run(until_told(perform))
    return 0 if seen else REFUSED
