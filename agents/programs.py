"""Other programs' commands, run without a shell and ended with us."""

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO


class TooSlow(Exception):
    """The command did not end in time, and was killed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"did not end within {seconds:.0f} s")


class Failed(Exception):
    """The command ended with an error; the message has its words."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended, what it printed, and its complaints."""

    code: int
    out: str
    err: str


async def run(
    *command: str,
    seconds: float,
    given: str | IO[bytes] = "",
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command to its end, with a text or a file as its input.

    Raises TooSlow, and FileNotFoundError when there is no such program.
    """
    text = given.encode() if isinstance(given, str) else None
    process = await asyncio.create_subprocess_exec(
        *command, env=env,
        stdin=asyncio.subprocess.PIPE if isinstance(given, str) else given,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate(text)
    except TimeoutError as error:
        raise TooSlow(seconds) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(
        code=process.returncode,
        out=out.decode(errors="replace"),
        err=err.decode(errors="replace").strip(),
    )


def lines(*command: str) -> Iterator[bytes]:
    """What a command prints, line by line as it comes, however much that is.

    It waits for the command, so it is for threads; the command is killed if nobody reads to the
    end. Raises Failed, and FileNotFoundError when there is no such program.
    """
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield from process.stdout
        except GeneratorExit:
            process.kill()
            raise
        if process.wait() != 0:
            complaints.seek(0)
            words = complaints.read().decode(errors="replace").strip()
            raise Failed(words or f"{command[0]} ended with {process.returncode}")
