"""Everything on one machine: Temporal, PostgreSQL, worker, dispatcher and gateway."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from asyncpg import Pool
from temporalio.client import Client

from book import schema
from workers import engine, incident_worker
from workers.embedded.home import Home
from workers.embedded.ports import LOOPBACK, port_for
from workers.embedded.postgres import Postgres
from workers.embedded.temporal import Temporal
from workers.gateway_server import serving
from workers.leave import Refused
from workers.settings import Settings

CONNECTION_FILE = "plazo.env"
"""In the home: how the other commands reach a stack that is up. For the home's owner only."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack that is up. `gateway` and `ui` are web addresses."""

    home: Home
    settings: Settings
    env: Mapping[str, str] = field(repr=False)
    pool: Pool
    client: Client
    gateway: str
    ui: str | None
    postgres: Postgres
    temporal: Temporal

    async def failure(self) -> str:
        """Wait until one of the servers ends by itself; which one, and how."""
        ends = {
            asyncio.create_task(child.ended()): child
            for child in (self.postgres.child, self.temporal.child)
        }
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
        first = next(iter(done))
        return f"{ends[first].name} {first.result()}; its last words:\n{ends[first].tail()}"


@asynccontextmanager
async def servers(home: Home) -> AsyncIterator[tuple[Postgres, Temporal]]:
    """The two servers, PostgreSQL with the current schema. Needs the claim of `home`."""
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(Postgres.start(home)), group.create_task(Temporal.start(home))
    postgres, temporal = starting[0].result(), starting[1].result()
    try:
        await asyncio.to_thread(schema.migrate, postgres.dsn)
        yield postgres, temporal
    finally:
        await asyncio.gather(postgres.stop(), temporal.stop())


@asynccontextmanager
async def up(home: Home, env: Mapping[str, str]) -> AsyncIterator[Stack]:
    """The whole stack while the block lasts. Needs the claim of `home`.

    What `env` does not set is made up and kept in the home: keys, ports, addresses.
    """
    async with servers(home) as (postgres, temporal):
        listen = env.get("PLAZO_LISTEN") or f"{LOOPBACK}:{port_for(home, 'gateway')}"
        made_up = {
            "PLAZO_PUBLIC_URL": f"http://{listen}",
            "PLAZO_PORTAL_SECRET": home.secret("portal"),
            "PLAZO_OPERATOR_KEY": home.secret("operator"),
            "PLAZO_TEMPORAL_UI": temporal.ui or "",
        }
        fixed = {
            "PLAZO_DATABASE_URL": postgres.dsn,
            "PLAZO_LISTEN": listen,
            "TEMPORAL_ADDRESS": temporal.address,
            "TEMPORAL_NAMESPACE": "default",
        }
        known = {**made_up, **env, **fixed}
        settings = Settings.read(known)
        pool = await engine.database(postgres.dsn, patient=False)
        client = await engine.temporal(fixed, identity=incident_worker.identity(), patient=False)
        stopping = asyncio.Event()
        working = asyncio.create_task(incident_worker.work(settings, pool, client, stopping))
        connection = home.path / CONNECTION_FILE
        try:
            async with serving(settings, pool, client) as gateway:
                _write(connection, {**made_up, **fixed})
                yield Stack(
                    home=home,
                    settings=settings,
                    env=known,
                    pool=pool,
                    client=client,
                    gateway=gateway,
                    ui=temporal.ui,
                    postgres=postgres,
                    temporal=temporal,
                )
        finally:
            connection.unlink(missing_ok=True)
            stopping.set()
            await working
            await pool.close()


async def stay_up(stack: Stack, stopping: asyncio.Event) -> None:
    """Until `stopping` is set. Raises Refused when one of the servers ends by itself."""
    told = asyncio.create_task(stopping.wait())
    failed = asyncio.create_task(stack.failure())
    try:
        await asyncio.wait((told, failed), return_when=asyncio.FIRST_COMPLETED)
        if failed.done() and not stopping.is_set():
            raise Refused(failed.result())
    finally:
        told.cancel()
        failed.cancel()


def _write(file: os.PathLike[str], known: Mapping[str, str]) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:  # noqa: PTH123
        opened.writelines(f'{name}="{value}"\n' for name, value in known.items() if value)
