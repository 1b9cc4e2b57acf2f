"""The book of record on one machine: a PostgreSQL of our own, with a password and fsync on."""

import os
import pwd
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT
from typing import Self

import asyncpg
import psutil

from workers.embedded import NotStarted, programs
from workers.embedded.home import Home
from workers.embedded.ports import LOOPBACK, port_for
from workers.embedded.process import Child, StillRunning, User

NAME = "plazo"
"""Of the database and of its owner."""

_INITDB_PATIENCE = 120.0
"""Seconds; it takes half of one on a disk of today."""

_READY_PATIENCE = 300.0
"""Seconds; after a crash it first replays its log, which may be a gigabyte."""

_STOP_PATIENCE = 60.0
"""Seconds for the last checkpoint; if killed after that, nothing committed is lost."""

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "logging_collector": "off",
}
"""Given at every start, so that an edited file in the data directory cannot undo them."""


class NobodyToRunAs(NotStarted):
    """PostgreSQL refuses to run as root, and there is no other user."""

    def __init__(self) -> None:
        super().__init__(
            'PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody" here; '
            "make one (useradd --system postgres), or run plazo as an ordinary user"
        )


class NotOurDatabase(NotStarted):
    """The server does not take the password that is kept in the home."""

    def __init__(self, home: Home) -> None:
        super().__init__(
            f"PostgreSQL in {home.path} does not take the password in "
            f"{home.path / 'secrets' / 'postgres'}; put back the file that was made with it"
        )


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server. `dsn` opens the database `plazo` as its owner, over TCP on loopback."""

    dsn: str = field(repr=False)
    child: Child = field(repr=False)

    @classmethod
    async def start(cls, home: Home, port: int | None = None) -> Self:
        """Make the data directory if there is none, start, and wait until the database answers.

        Needs the claim of `home`. Raises a NotStarted that says what to do.
        """
        user = _user(home)
        folder = home.folder("postgres", 0o711)
        if user is not None:
            await programs.check_reach(folder, user)
        installed = await programs.postgres(folder, user)
        data = await _data_directory(home, folder, installed, user)
        _discard_recycled_pid(home, data)
        port = port_for(home, "postgres", port)
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        child = await Child.start(
            home, "postgres",
            installed / "bin" / "postgres", "-D", data, "-p", str(port), *settings,
            user=user,
            ends_on=SIGINT,  # "fast": ends the sessions; on SIGTERM it would wait for them
        )  # fmt: skip
        server = cls(dsn=_dsn(home, port, NAME), child=child)
        try:
            await server._open(home, _dsn(home, port, "postgres"))
        except BaseException:
            await server.stop()
            raise
        return server

    async def stop(self) -> None:
        """End all sessions, write the last checkpoint, and stop."""
        await self.child.stop(_STOP_PATIENCE)

    async def _open(self, home: Home, maintenance: str) -> None:
        async def answers() -> bool:
            try:
                connection = await asyncpg.connect(maintenance)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                return False
            except asyncpg.InvalidAuthorizationSpecificationError as error:
                raise NotOurDatabase(home) from error
            try:
                query = "SELECT 1 FROM pg_database WHERE datname = $1"
                if not await connection.fetchval(query, NAME):
                    await connection.execute(f"CREATE DATABASE {NAME}")
            finally:
                await connection.close()
            return True

        await self.child.wait_until(answers, _READY_PATIENCE, "ready")


def _dsn(home: Home, port: int, database: str) -> str:
    password = home.secret("postgres")  # URL-safe by the way it is made
    return f"postgresql://{NAME}:{password}@{LOOPBACK}:{port}/{database}?sslmode=disable"


def _user(home: Home) -> User | None:
    """Whom to run it under: None for ourselves. The one who owns the data, if there is any."""
    if os.geteuid() != 0:
        return None
    data = home.path / "postgres" / "data"
    owner = data.stat().st_uid if data.is_dir() else 0
    if owner != 0:
        return User(name=_name_of(owner), uid=owner, gid=data.stat().st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise NobodyToRunAs


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


async def _data_directory(home: Home, folder: Path, installed: Path, user: User | None) -> Path:
    """Where the data are. Made in a folder beside and moved, so that it is whole or not there."""
    data = folder / "data"
    if data.is_dir():
        return data
    making = folder / "making"
    if making.exists():
        shutil.rmtree(making)
    making.mkdir(mode=0o700)
    password = making / "password"
    password.touch(mode=0o600)
    password.write_text(home.secret("postgres"))
    if user is not None:
        os.chown(making, user.uid, user.gid)
        os.chown(password, user.uid, user.gid)
    initdb = await Child.start(
        home, "initdb",
        installed / "bin" / "initdb", "-D", making / "data",
        f"--username={NAME}", f"--pwfile={password}", "--auth=scram-sha-256",
        "--encoding=UTF8", "--locale=C",
        user=user,
    )  # fmt: skip
    await initdb.finish(_INITDB_PATIENCE)
    (making / "data").rename(data)
    shutil.rmtree(making)
    return data


def _discard_recycled_pid(home: Home, data: Path) -> None:
    """After a power cut, the id in `postmaster.pid` may be some other program's by now.

    PostgreSQL takes any living process of its own user for a server and refuses to start. A
    server works inside its data directory, which tells it from the others. Raises StillRunning
    if it is one.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split()[0])
        works_in = psutil.Process(pid).cwd()
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return  # no such process, or one of another user: PostgreSQL sees that itself
    if Path(works_in) == data.resolve():
        raise StillRunning("postgres", [pid], home.path)
    file.unlink()
