"""`python -m tests`: pytest, left with its true exit code.

Temporal's SDK now and then aborts the interpreter while it shuts down (temporalio/sdk-python
issue 300), after every test has had its say. So the run ends here, deliberately, once all is
flushed: neither red nor green by accident.
"""

import os
import sys

import pytest


def main() -> None:
    code = pytest.main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


if __name__ == "__main__":
    main()
