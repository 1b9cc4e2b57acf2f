"""Everything on one machine: Temporal, PostgreSQL, worker, dispatcher and gateway."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from asyncpg import Pool
from temporalio.client import Client

from book import schema
from book.console import desk
from book.database import transaction
from domain.console.desk import Role
from gateway.desk import hashing
from workers import engine, incident_worker
from workers.embedded.home import Home
from workers.embedded.ports import LOOPBACK, port_for
from workers.embedded.postgres import Postgres
from workers.embedded.temporal import Temporal
from workers.gateway_server import serving
from workers.identity import identity
from workers.leave import Refused
from workers.settings.provider import Settings

FIRST_USER = "lead"


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
    working: asyncio.Task[None] = field(repr=False)
    """The worker and the dispatcher."""

    async def failure(self) -> str:
        """Wait until a server or the worker ends by itself; which one, and how."""
        ends = {
            asyncio.create_task(child.ended()): child
            for child in (self.postgres.child, self.temporal.child)
        }
        try:
            await asyncio.wait((*ends, self.working), return_when=asyncio.FIRST_COMPLETED)
            for task, child in ends.items():
                if task.done():
                    return f"{child.name} {task.result()}; its last words:\n{child.tail()}"
            return "the worker ended by itself; its log says why"
        finally:
            for task in ends:
                task.cancel()


@asynccontextmanager
async def servers(home: Home) -> AsyncIterator[tuple[Postgres, Temporal]]:
    """The two servers, PostgreSQL with the current schema. Needs the claim of `home`."""
    postgres, temporal = await asyncio.gather(
        Postgres.start(home), Temporal.start(home), return_exceptions=True
    )
    try:
        if isinstance(postgres, BaseException):
            raise postgres
        if isinstance(temporal, BaseException):
            raise temporal
        await asyncio.to_thread(schema.migrate, postgres.dsn)
        yield postgres, temporal
    finally:
        # One that did not start leaves the other to be stopped.
        started = [each for each in (postgres, temporal) if not isinstance(each, BaseException)]
        await asyncio.gather(*(each.stop() for each in started))


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
            "PLAZO_TEMPORAL_UI": temporal.ui or "",
        }
        fixed = {
            "PLAZO_DATABASE_URL": postgres.dsn,
            "PLAZO_LISTEN": listen,
            "TEMPORAL_ADDRESS": temporal.address,
            "TEMPORAL_NAMESPACE": "default",
            # The operator's profiles, with their keys, are for other servers.
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }
        known = {**made_up, **env, **fixed}
        settings = Settings.read(known)
        client = await engine.temporal(fixed, identity=identity())
        pool = await engine.database(postgres.dsn)
        stopping = asyncio.Event()
        working = asyncio.create_task(incident_worker.work(settings, pool, client, stopping))
        connection = home.connection_file
        try:
            await _somebody_can_sign_in(pool, home)
            async with serving(settings, pool, client) as gateway:
                _write(connection, {name: known[name] for name in (*made_up, *fixed)})
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
                    working=working,
                )
        finally:
            connection.unlink(missing_ok=True)
            stopping.set()
            try:
                await working
            finally:
                await pool.close()


async def _somebody_can_sign_in(pool: Pool, home: Home) -> None:
    """On a new book, make the first user: a lead whose secret is in the home."""
    async with transaction(pool) as connection:
        if not await desk.users(connection):
            secret = await hashing.hashed(home.secret(FIRST_USER))
            await desk.add(connection, FIRST_USER, "Lead", Role.LEAD, by="plazo", secret=secret)


async def stay_up(stack: Stack, stopping: asyncio.Event) -> None:
    """Until `stopping` is set. Raises Refused when a server or the worker ends by itself."""
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
