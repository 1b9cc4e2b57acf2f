"""Where a process ends: flushed, with its true exit code, whatever is still going on in it."""

import signal
import subprocess
import sys

import pytest

from tests.workers.command import REPOSITORY

BUSY = "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start();"
WAITS = """
import asyncio
from workers.leave import ToldToStop, leave, until_told

async def work(stopping):
    print("at work", flush=True)
    await stopping.wait()
    {then}

asyncio.run(until_told(work))
leave(0)
"""


def python(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("code", [0, 1, 2])
def test_what_was_said_is_out_and_nothing_is_waited_for(code: int) -> None:
    with python(f"{BUSY} from workers.leave import leave; print('said'); leave({code})") as process:
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, "said\n")


def test_a_reader_that_has_gone_is_no_success() -> None:
    code = "import sys; sys.stdin.read(); from workers.leave import leave; print('said'); leave(0)"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, env={},  # so that output is buffered
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("then", ["print('in order')", "print('in order'); raise ToldToStop"])
def test_told_to_stop_work_ends_in_order(number: signal.Signals, then: str) -> None:
    with python(WAITS.format(then=then)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "in order\n", "")
