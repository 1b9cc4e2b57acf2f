"""The state directory of the embedded stack, and who holds it."""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from workers.embedded import NotStarted
from workers.embedded.leftovers import Leftovers


class HomeInUse(NotStarted):
    """Another process holds the state directory."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(
            f"{path} is in use by process {pid or '(unknown)'}; stop that one, "
            "or set PLAZO_HOME to another directory"
        )


class HomeNotWritable(NotStarted):
    """The state directory cannot be made or written to."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path} cannot be used ({error.strerror}); set PLAZO_HOME to a directory that you own"
        )


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where the embedded stack keeps its data, secrets, ports and logs between runs."""

    path: Path

    @classmethod
    def at(cls, path: Path | None = None) -> Self:
        """That directory, or else $PLAZO_HOME, `/var/lib/plazo` (root), or the user's state."""
        return cls(path=(path or _default()).expanduser().absolute())

    @property
    def connection_file(self) -> Path:
        """How other commands reach a stack that is up. For the home's owner only."""
        return self.path / "plazo.env"

    @contextmanager
    def claim(self) -> Iterator[tuple[str, ...]]:
        """Hold the directory, alone, until the block ends. Raises HomeInUse, HomeNotWritable.

        Gives the names of the processes that a killed run had left running and that have been
        ended now. The hold is a lock of the kernel's, so it ends with this process however that
        dies; no child inherits it.
        """
        try:
            self._make()
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise HomeNotWritable(self.path, error) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeInUse(self.path, os.read(lock, 20).decode().strip()) from None
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            yield self.sweep()
        finally:
            os.close(lock)

    def sweep(self) -> tuple[str, ...]:
        """End what a killed run left running; the names of what was ended. Needs the claim."""
        return self.leftovers.sweep()

    @property
    def leftovers(self) -> Leftovers:
        return Leftovers(file=self.path / "children.json")

    def folder(self, name: str, mode: int = 0o700) -> Path:
        """A folder inside the home, made if missing with exactly that mode."""
        folder = self.path / name
        if not folder.is_dir():
            folder.mkdir()
            folder.chmod(mode)
        return folder

    def secret(self, name: str) -> str:
        """A random secret, made at the first call and the same ever after."""
        kept = self.folder("secrets") / name
        if not kept.exists():
            self._keep(kept, secrets.token_urlsafe(32))
        return kept.read_text()

    def _make(self) -> None:
        if self.path.is_dir():
            return  # someone's own directory keeps the mode that they gave it
        self.path.mkdir(parents=True)
        # PostgreSQL never runs as root: its user has to pass through, though not to look around.
        self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)

    def _keep(self, kept: Path, secret: str) -> None:
        """Write it so that no crash leaves half of it, and no second writer replaces it."""
        descriptor, name = tempfile.mkstemp(dir=kept.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secret)
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):
                os.link(name, kept)
        finally:
            Path(name).unlink()
        folder = os.open(kept.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for a home that is gone afterwards; PostgreSQL's own user can pass through it."""
    folder = Path(tempfile.mkdtemp(prefix="plazo-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _default() -> Path:
    if chosen := os.environ.get("PLAZO_HOME"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/plazo")
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "plazo"
