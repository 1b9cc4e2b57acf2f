"""What runs in each process: the whole stack on one machine, or one at a time for production.

`serve.py` has the commands, and reads this when one is run: it takes a second.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncpg import Pool
from temporalio.client import Client

from workers import engine, gateway_server, incident_worker
from workers import mailbox as mail
from workers import stack as embedded
from workers.commands import reach
from workers.commands.say import line
from workers.embedded.home import Home
from workers.embedded.ports import LOOPBACK, port_for
from workers.identity import identity
from workers.mailbox import MailboxSettings
from workers.settings.provider import Settings
from workers.settings.reading import environment
from workers.stack import Stack


async def up(stopping: asyncio.Event) -> None:
    home = Home.at()
    with home.claim() as ended:
        if ended:
            line(f"ended what a killed run had left behind: {', '.join(ended)}")
        async with embedded.up(home, environment()) as stack, _mail(home, stack) as abuse:
            line(f"Temporal UI   {stack.ui}")
            line(f"Temporal      {stack.temporal.address}")
            line(f"Console       {stack.gateway}   (user {embedded.FIRST_USER}, {_where(home)})")
            line(f"Abuse mail    {abuse}")
            line(f"State         {home.path}")
            line("Up. Ctrl-C stops it; other commands find it by themselves.")
            await embedded.stay_up(stack, stopping)
            line("Stopping.")


@asynccontextmanager
async def _mail(home: Home, stack: Stack) -> AsyncIterator[str]:
    """The abuse mailbox beside the stack, and what a person needs to write to it."""
    listen = stack.env.get("PLAZO_LMTP_LISTEN") or f"{LOOPBACK}:{port_for(home, 'mailbox')}"
    settings = MailboxSettings.read({**stack.env, "PLAZO_LMTP_LISTEN": listen})
    async with mail.taking(settings, stack.pool) as address:
        yield f"{address}   (SMTP and LMTP, for {', '.join(settings.addresses)})"


def _where(home: Home) -> str:
    return f"secret in {home.path / 'secrets' / embedded.FIRST_USER}"


async def worker(stopping: asyncio.Event) -> None:
    async with _connected(stopping) as (settings, pool, client):
        sys.stderr.write("working\n")
        await incident_worker.work(settings, pool, client, stopping)


async def gateway(stopping: asyncio.Event) -> None:
    async with _connected(stopping) as (settings, pool, client):
        sys.stderr.write(f"listening on {settings.listen}\n")
        await gateway_server.serve(settings, pool, client, stopping)


@asynccontextmanager
async def _connected(stopping: asyncio.Event) -> AsyncIterator[tuple[Settings, Pool, Client]]:
    """Both servers reached, however long that takes; `ToldToStop` if `stopping` comes first."""
    settings = reach.settings()
    pool = await engine.database(settings.database_url, stopping=stopping)
    try:
        client = await engine.temporal(reach.surroundings(), identity=identity(), stopping=stopping)
        yield settings, pool, client
    finally:
        await pool.close()


async def mailbox(stopping: asyncio.Event) -> None:
    settings = MailboxSettings.read(reach.surroundings())
    pool = await engine.database(settings.database_url, stopping=stopping)
    try:
        await mail.work(settings, pool, stopping)
    finally:
        await pool.close()
