"""The demo, as a newcomer runs it: each path to its end, every effect seen from outside."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.real.test_embedded import as_an_ordinary_user
from workers.demo.paths import PATHS

pytestmark = pytest.mark.real

ROOT = os.geteuid() == 0
LONGEST = 120
"""Seconds; a hang ends the test, no time is asserted."""


def demo(
    *arguments: str, wrapper: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*wrapper, sys.executable, "-m", "workers.cli", "demo", *arguments],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_path_comes_to_its_end(path: str) -> None:
    told = demo("--path", path)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "the audit chain is whole" in told.stdout


def test_without_root_the_mail_host_is_an_embedded_one_and_the_demo_says_so() -> None:
    home = Path(tempfile.mkdtemp(prefix="plazo-user-"))
    if ROOT:
        shutil.chown(home, 65_534, 65_534)
    try:
        told = demo("--path", "hold", wrapper=as_an_ordinary_user(), env={"HOME": str(home)})
    finally:
        shutil.rmtree(home)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "The mail host is embedded" in told.stdout


def test_an_unknown_path_is_wrong_usage() -> None:
    told = demo("--path", "nowhere")
    assert told.returncode == 2
    assert "fixed-in-time" in told.stderr
