"""The demo, as a newcomer runs it: each path to its end, every effect seen from outside."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from workers.demo.paths import PATHS

pytestmark = pytest.mark.real

ROOT = os.geteuid() == 0
LONGEST = 120
"""Seconds; a hang ends the test, no time is asserted."""


def demo(*arguments: str, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "workers.cli", "demo", *arguments],
        capture_output=True, text=True, timeout=LONGEST, check=False, **how,
    )  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_path_comes_to_its_end(path: str) -> None:
    told = demo("--path", path)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "the audit chain is whole" in told.stdout


def test_without_root_the_mail_host_is_an_embedded_one_and_the_demo_says_so() -> None:
    home = Path(tempfile.mkdtemp(prefix="plazo-user-"))
    user: dict[str, object] = {}
    if ROOT:
        shutil.chown(home, 65_534, 65_534)
        user = {"user": 65_534, "group": 65_534, "extra_groups": []}
    env = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        told = demo("--path", "hold", env=env, **user)
    finally:
        shutil.rmtree(home)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "The mail host is embedded" in told.stdout


def test_an_unknown_path_is_wrong_usage() -> None:
    told = demo("--path", "nowhere")
    assert told.returncode == 2
    assert "fixed-in-time" in told.stderr
