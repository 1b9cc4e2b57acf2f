"""A worker that is killed with SIGKILL at each point of a delivery, and another that goes on."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.testing import WorkflowEnvironment

from book.clientele import clients
from book.intake import intake
from domain.clientele.signed import Signed
from domain.money.accounts import Account
from domain.money.ledger import Entry
from tests.book.outboxes import charged, stands
from tests.book.provider import a_clientele, a_report, parties_of
from tests.domain.builders import a_client, a_contract, a_service
from tests.real.far_sides import FarSide, localstripe, side
from tests.workers.command import REPOSITORY
from tests.workflows import servers

pytestmark = pytest.mark.real

SIDES = ("whmcs", "stripe", "webhook")
_PATIENCE = 60.0


@pytest_asyncio.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with await servers.real() as environment:
        yield environment


@pytest_asyncio.fixture(scope="module")
async def fake_stripe() -> AsyncIterator[str]:
    async with localstripe() as address:
        yield address


@pytest.fixture
async def sides(fake_stripe: str) -> AsyncIterator[Sequence[FarSide]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(side(name, fake_stripe)) for name in SIDES]


async def one_charge_at_each(pool: Pool, sides: Sequence[FarSide]) -> dict[str, Entry]:
    """A client, a service, an incident and a charge for each far side."""
    found = {}
    for number, each in enumerate(sides, 1):
        name, address = f"client-{number}", f"192.0.2.{number}"
        account = Account(backend=each.name, id=each.account)
        clientele = replace(
            a_clientele(a_service(id=f"vps-{number}", client=name, addresses=(f"{address}/32",))),
            clients=(replace(a_client(), id=name, billing=account),),
            contracts=(Signed(contract=a_contract(id=f"c-{number}", client=name)),),
        )  # fmt: skip
        await clients.keep(pool, clientele)
        accepted = await intake.accept(pool, a_report(f"r-{number}", address))
        [incident] = accepted.incidents
        found[each.name] = await charged(pool, await parties_of(pool, incident))
    return found


@asynccontextmanager
async def a_worker(env: dict[str, str], log: Path, *arguments: str) -> AsyncIterator[Process]:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.real.killed_billing", *arguments,
            cwd=REPOSITORY, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=output,
            stderr=output,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


def environment(
    dsn: str, temporal: WorkflowEnvironment, sides: Sequence[FarSide], home: Path
) -> dict[str, str]:
    env = {
        "PATH": os.environ["PATH"],
        "PLAZO_HOME": str(home),
        "PLAZO_DATABASE_URL": dsn,
        "PLAZO_PUBLIC_URL": "http://127.0.0.1:1",
        "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-test",
        "PLAZO_NEWS_INTERVAL": "1h",
        "PLAZO_WATCH": "none",
        "TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
    }
    for each in sides:
        env |= each.access
    return env


@pytest.mark.parametrize("point", ["begun", "sent", "kept"])
async def test_a_killed_delivery_is_neither_lost_nor_doubled(
    point: str,
    dsn: str,
    database: Pool,
    temporal: WorkflowEnvironment,
    sides: Sequence[FarSide],
    tmp_path: Path,
) -> None:
    entries = await one_charge_at_each(database, sides)
    await database.execute("DELETE FROM dirty")  # the incidents themselves may sleep
    env, log = environment(dsn, temporal, sides, tmp_path), tmp_path / "worker.log"
    async with a_worker(env, log, point, str(len(sides))) as process:
        async with asyncio.timeout(_PATIENCE):
            assert await process.wait() == -signal.SIGKILL, log.read_text()
    for each in sides:
        found = await stands(database, entries[each.name].key)
        has = await each.has(entries[each.name].key)
        assert (found.state, found.unsure) == (
            ("sent", False) if point == "kept" else ("waiting", True)
        )
        assert has == ([] if point == "begun" else ["25.00"])

    async with a_worker(env, log):
        async with asyncio.timeout(_PATIENCE):
            for entry in entries.values():
                handle = temporal.client.get_workflow_handle(f"billing-{entry.key}")
                while (await handle.describe()).close_time is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
    for each in sides:
        key = entries[each.name].key
        assert (await stands(database, key)).state == "sent", log.read_text()
        assert await each.has(key) == ["25.00"]
        started = await database.fetchval(
            "SELECT count(*) FROM audit WHERE source LIKE $1", f"billing/{key}/%/started"
        )
        assert started == 1 if point == "kept" else started >= 2
