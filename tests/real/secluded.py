"""A corner of this machine with names, and a journal, of its own: a mount namespace."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from workers.demo.postfix_host import PostfixHost

SECONDS = 30.0
_JOURNALD = Path("/usr/lib/systemd/systemd-journald")

_NAMES = """
set -e
mount --make-rprivate /
mount --bind "$1" /etc/hosts
"""
_JOURNAL = """
mkdir "$2/dev"
mount --rbind /dev "$2/dev"
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev
for name in null zero full random urandom tty; do
    touch /dev/$name
    mount --bind "$2/dev/$name" /dev/$name
done
ln -s /proc/self/fd /dev/fd
ln -s /run/systemd/journal/dev-log /dev/log
mkdir -p /run/systemd/journal /run/log/journal
exec /usr/lib/systemd/systemd-journald 2>/dev/null
"""
"""Nothing of the machine's own journal, if it has one, is seen or written from there."""


@asynccontextmanager
async def secluded(
    hosts: Mapping[str, str], *, journal: bool = False
) -> AsyncIterator[tuple[str, ...]]:
    """What stands in front of a command that is to run there. `hosts` has addresses by name."""
    if (why := _missing(journal)) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    home = Path(tempfile.mkdtemp(prefix="sec"))
    names = "".join(f"{address} {name}\n" for name, address in hosts.items())
    (home / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
    script = _NAMES + (_JOURNAL if journal else "touch $2/there; exec sleep infinity")
    process = await asyncio.create_subprocess_exec(
        "unshare", "-m", "sh", "-c", script, "sh", str(home / "hosts"), str(home)
    )
    prefix = ("nsenter", f"--mount=/proc/{process.pid}/ns/mnt", "--")
    try:
        there = "/run/systemd/journal/dev-log" if journal else str(home / "there")
        async with asyncio.timeout(SECONDS):
            while await _code(*prefix, "test", "-e", there):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield prefix
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(home)


class SecludedPostfix(PostfixHost):
    """A private Postfix that is started behind a prefix, where it sees other names."""

    def __init__(self, prefix: tuple[str, ...], *settings: str, next_hop: str) -> None:
        super().__init__(next_hop=next_hop, local_domain="shop.example")
        self._prefix = prefix
        self._settings = settings

    async def start(self) -> None:
        if self._settings:
            await self.command("postconf", "-e", *self._settings)
        assert await _code(*self._prefix, "postfix", "-c", str(self.config_dir), "start") == 0


def _missing(journal: bool) -> str | None:
    if os.geteuid() != 0:
        return "only root makes mount namespaces"
    if journal and not (_JOURNALD.exists() and shutil.which("journalctl")):
        return "there is no journald here; install systemd"
    return None


async def _code(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()
