"""The systemd units as an operator installs them, and a process with the privileges they give."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "infra" / "systemd"
HOST, EDGE = "plazo-host-agent.service", "plazo-edge-agent.service"
BOOT = "plazo-edge-boot.service"
CPANEL, EXIM = "host-agent-cpanel.conf", "host-agent-exim.conf"


def installed(folder: Path, unit: str, *drop_ins: str) -> Path:
    """The unit in `folder`, with these drop-ins, and with the program that is here."""
    text = (UNITS / unit).read_text()
    program = Path(sys.executable).with_name("plazo")
    (folder / unit).write_text(text.replace("/opt/plazo/bin/plazo", str(program)))
    beside = folder / f"{unit}.d"
    beside.mkdir()
    for each in drop_ins:
        shutil.copy(UNITS / each, beside / each)
    return folder / unit


def settings(*files: str) -> dict[str, list[str]]:
    """The [Service] section: the values of each setting, an empty one ending those before it."""
    found: dict[str, list[str]] = {}
    for file in files:
        section = ""
        for line in (UNITS / file).read_text().splitlines():
            if line.startswith("["):
                section = line
            elif "=" in line and not line.startswith("#") and section == "[Service]":
                name, _, value = line.partition("=")
                found[name] = [*found.get(name, []), value] if value else []
    return found


def capabilities(*files: str) -> set[str]:
    """A drop-in's list adds to the unit's."""
    return {each for line in settings(*files)["CapabilityBoundingSet"] for each in line.split()}


def privileges(*files: str) -> list[str]:
    """setpriv(1) and its arguments for the groups and capabilities of a unit and its drop-ins."""
    kept = [each.removeprefix("CAP_").lower() for each in sorted(capabilities(*files))]
    groups = ",".join(
        each for line in settings(*files).get("SupplementaryGroups", []) for each in line.split()
    )
    return [
        "setpriv", "--no-new-privs", "--bounding-set", ",".join(["-all", *(f"+{k}" for k in kept)]),
        *(["--groups", groups] if groups else ["--clear-groups"]),
    ]  # fmt: skip


_READ_ONLY = """
while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done
shift
mount -o remount,bind,ro / && exec "$@"
"""
"""ProtectSystem=strict and ReadWritePaths=, in a mount namespace of the test's own."""


async def under(
    unit: tuple[str, ...], code: str, *arguments: str,
    writable: Sequence[Path], own_network: bool = False,
) -> str:  # fmt: skip
    """What Python code prints with the privileges of a unit and its drop-ins. Raises RuntimeError.

    With `own_network` it has a network namespace, and nothing in it.
    """
    apart = ("--net",) if own_network else ()
    process = await asyncio.create_subprocess_exec(
        "unshare", *apart, "--mount", "--propagation", "private", "sh", "-ec", _READ_ONLY, "sh",
        *map(str, writable), "--", *privileges(*unit), sys.executable, "-c", code, *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(err.decode())
    return out.decode()


def here_or_failed(why: str | None) -> None:
    if why is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
