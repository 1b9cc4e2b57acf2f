"""The demo."""

import asyncio
import logging
from enum import StrEnum
from typing import Annotated

import typer

from workers.embedded.programs import NotInstalled
from workers.leave import REFUSED, until_told


class PathName(StrEnum):
    """The stories of `workers/demo/paths.py`, which is only read when one is told.

    It needs the `embedded` extra, and the other commands do not.
    """

    HOLD = "hold"
    FIXED_IN_TIME = "fixed-in-time"
    SMARTHOST = "smarthost"
    RELAPSE = "relapse"
    FALSE_POSITIVE = "false-positive"


def demo(
    path: Annotated[PathName, typer.Option(help="Which way the incident goes.")] = PathName.HOLD,
    keep: Annotated[
        bool, typer.Option(help="Stay up at the end: Temporal's UI, console, portal.")
    ] = False,
    verbose: Annotated[bool, typer.Option(help="Show the log as well.")] = False,
) -> None:
    """A whole incident on real servers, sped up: spam, report, deadline, measure, release, close.

    Exits 0 only if each effect was seen from outside: the queue, the inbox, DNS, the ledger.
    """
    try:
        from workers.demo import show
    except ModuleNotFoundError as missing:
        raise NotInstalled(str(missing.name)) from missing
    if not verbose:
        logging.getLogger().setLevel(logging.ERROR)
    seen = False

    async def perform(stopping: asyncio.Event) -> None:
        nonlocal seen
        seen = await show.perform(path, stopping, keep=keep)

    asyncio.run(until_told(perform))
    if not seen:
        raise typer.Exit(REFUSED)
