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
APART = "real"
"""The room that a process of its own goes through: it takes about as long as all the others."""


def main() -> None:
    code = pytest.main(sys.argv[1:]) if len(sys.argv) > 1 else everything()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


def everything() -> int:
    """Both halves; the second's output follows the first's. 0 if both are green."""
    rooms = sorted(str(path.parent.relative_to(HERE.parent)) for path in HERE.glob("*/__init__.py"))
    apart = f"{HERE.name}/{APART}"
    others = [room for room in rooms if room != apart]
    with tempfile.TemporaryFile() as said:
        second = subprocess.Popen(_pytest(apart), cwd=HERE.parent, stdout=said, stderr=said)
        try:
            first = subprocess.run(_pytest(*others), cwd=HERE.parent, check=False).returncode
        finally:
            second.wait()
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
    return first or second.returncode


def _pytest(*rooms: str) -> list[str]:
    return [sys.executable, "-m", "tests", *rooms]


if __name__ == "__main__":
    main()
