"""`python -m tests`: pytest, left with its true exit code.

Without arguments it runs everything, in two processes at the same time: most tests wait for a
server more than they work, and most machines have a second processor.

Temporal's SDK now and then aborts the interpreter while it shuts down (temporalio/sdk-python
issue 300), after every test has had its say. So a run ends here, deliberately, once all is
flushed: neither red nor green by accident.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
APART = "tests/real"
WITH_THE_OTHERS = "tests/real/exim"
"""A process of its own goes through the first without the second: half of the time."""


def main() -> None:
    code = pytest.main(sys.argv[1:]) if len(sys.argv) > 1 else everything()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


def everything() -> int:
    """Both halves; the second's output follows the first's. 0 if both are green."""
    rooms = sorted(str(path.parent.relative_to(HERE.parent)) for path in HERE.glob("*/__init__.py"))
    others = [room for room in rooms if room != APART]
    with tempfile.TemporaryFile() as said:
        command = _pytest(APART, f"--ignore={WITH_THE_OTHERS}")
        second = subprocess.Popen(command, cwd=HERE.parent, stdout=said, stderr=said)
        try:
            command = _pytest(*others, WITH_THE_OTHERS)
            first = subprocess.run(command, cwd=HERE.parent, check=False).returncode
        finally:
            second.wait()
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
    return first or second.returncode


def _pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests", *arguments]


if __name__ == "__main__":
    main()
