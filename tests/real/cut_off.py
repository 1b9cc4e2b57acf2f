"""An agent that is killed with SIGKILL right before one of its steps, and another that goes on.

`python -m tests.real.cut_off MTA STATE VERB STEP` reads a measure from its input and carries the
verb out; a step is a program that is started, or a file that is put in its place or removed.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from agents.mta.port import mail_host
from domain.hosts import Desired
from domain.wire import from_text, to_json

_STEPS = {"subprocess.Popen", "os.rename", "os.remove"}
"""Audit events, which Python raises before each."""


async def cut_off(mta: str, state: Path, verb: str, measure: Desired, step: int) -> bool:
    """Whether the agent was killed before that step; otherwise it had fewer, and is done."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.real.cut_off", mta, str(state), verb, str(step),
        stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    _, said = await process.communicate(json.dumps(to_json(measure)).encode())
    if process.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(said.decode())
    return process.returncode != 0


def _main(mta: str, state: str, verb: str, step: str) -> None:
    host, measure = mail_host(mta, Path(state)), from_text(Desired, sys.stdin.read())
    left = int(step)

    def count(event: str, _: object) -> None:
        nonlocal left
        if event in _STEPS:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    asyncio.run(getattr(host, verb)(measure))


if __name__ == "__main__":
    _main(*sys.argv[1:])
