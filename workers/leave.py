"""Where every process of ours ends: in order, flushed, with its true exit code.

Temporal's SDK now and then aborts the interpreter while it shuts down (temporalio/sdk-python issue
300, exit code 134), after all is done. So nothing is left to the interpreter: a process runs its
main, and then leaves here, deliberately.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn

import uvloop

REFUSED = 1
"""The program says no, with a reason."""


class ToldToStop(Exception):
    """SIGTERM or SIGINT came while a process was still waiting for what it needs."""


class Refused(Exception):
    """The program will not, or cannot, do what was asked; its message says why and what to do."""


def leave(code: int) -> NoReturn:
    """End this process now with `code`."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            code = code or REFUSED  # whoever read us has gone before we had said all
    os._exit(code)


def run(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a process's work until it ends, or is told to stop (see `until_told`)."""
    uvloop.run(until_told(work))


async def until_told(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `work(stopping)`; SIGTERM or SIGINT sets the event, so that it can end in order."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        with contextlib.suppress(ToldToStop):
            await work(stopping)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
