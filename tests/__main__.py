"""`python -m tests [PATH…] [OPTION…]`: pytest, left with its true exit code.

Where no path is named it runs everything, in a few processes at the same time: most tests wait for
a server more than they work. What they say is shown one after the other, each as it ends.

Temporal's SDK now and then aborts the interpreter while it shuts down (temporalio/sdk-python
issue 300), after every test has had its say. So a run ends here, deliberately, once all is
flushed: neither red nor green by accident.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).parent
AT_ONCE = 3
"""Processes: with a third, two processors have something to do while servers start and end."""

NONE = int(pytest.ExitCode.NO_TESTS_COLLECTED)

REAL = "tests/real"
LONG = ("tests/gateway", "tests/workers")
SHORT = ("tests/book", "tests/workflows", "tests/real/exim", "tests/browser")
"""Each of these rooms has a process of its own, the rest one together; what takes longest begins
first, so that all of them end at about the same time."""


def main() -> None:
    given = sys.argv[1:]
    named = any(Path(each.partition("::")[0]).exists() for each in given)
    code = pytest.main(given) if named else everything(given)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


def everything(options: Sequence[str] = ()) -> int:
    """Every part; 0 if all are green, else the code of the first that is not.

    A part of which the options choose no test does not count, unless none of them has any.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda part: _run([*part, *options]), parts()))
    chosen = [code for code in codes if code != NONE]
    return next((code for code in chosen if code), 0 if chosen else NONE)


def parts() -> Iterator[list[str]]:
    """What each process is given: all test files, each once."""
    rooms = sorted(str(path.parent.relative_to(HERE.parent)) for path in HERE.glob("*/__init__.py"))
    files = sorted(str(path.relative_to(HERE.parent)) for path in (HERE / "real").glob("test_*.py"))
    half = len(files) // 2
    yield files[half:]
    yield files[:half]
    yield from ([room] for room in LONG)
    yield [room for room in rooms if room not in (REAL, *LONG, *SHORT)]
    yield from ([room] for room in SHORT)


def _run(part: list[str]) -> int:
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-m", "tests", *part]
        code = subprocess.run(
            command, cwd=HERE.parent, stdout=said, stderr=subprocess.STDOUT, check=False
        ).returncode
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
        sys.stdout.flush()
    return code


if __name__ == "__main__":
    main()
