"""The processes: the whole stack on one machine, or one at a time for production."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncpg import Pool
from temporalio.client import Client

from workers import edge_agent as edge
from workers import engine, gateway_server, incident_worker
from workers import host_agent as agent
from workers import mailbox as mail
from workers import stack as embedded
from workers.commands import reach
from workers.commands.say import line
from workers.edge_agent import EdgeSettings
from workers.embedded.home import Home
from workers.embedded.ports import LOOPBACK, port_for
from workers.host_agent import AgentSettings
from workers.leave import run, until_told
from workers.mailbox import MailboxSettings
from workers.settings import Settings, environment
from workers.stack import Stack


def up() -> None:
    """The embedded stack, staying up: Temporal and its UI, PostgreSQL, worker, gateway, mailbox.

    State is kept in $PLAZO_HOME (/var/lib/plazo for root). Stop it with Ctrl-C or SIGTERM; killed
    or stopped, incidents go on where they were when it is started again.
    """
    # Not on uvloop, which cannot start PostgreSQL as another user.
    asyncio.run(until_told(_up))


async def _up(stopping: asyncio.Event) -> None:
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


def worker() -> None:
    """The workflows and their steps. Run as many as the load needs."""
    run(_worker)


async def _worker(stopping: asyncio.Event) -> None:
    async with _connected(stopping) as (settings, pool, client):
        sys.stderr.write("working\n")
        await incident_worker.work(settings, pool, client, stopping)


def gateway() -> None:
    """HTTP in: reports, agents, the client portal, the console. Run as many as the load needs."""
    run(_gateway)


async def _gateway(stopping: asyncio.Event) -> None:
    async with _connected(stopping) as (settings, pool, client):
        sys.stderr.write(f"listening on {settings.listen}\n")
        await gateway_server.serve(settings, pool, client, stopping)


@asynccontextmanager
async def _connected(stopping: asyncio.Event) -> AsyncIterator[tuple[Settings, Pool, Client]]:
    """Both servers reached, however long that takes; `ToldToStop` if `stopping` comes first."""
    settings = reach.settings()
    pool = await engine.database(settings.database_url, stopping=stopping)
    try:
        client = await engine.temporal(
            reach.surroundings(), identity=incident_worker.identity(), stopping=stopping
        )
        yield settings, pool, client
    finally:
        await pool.close()


def mailbox() -> None:
    """Mail in: the abuse mailbox over LMTP and SMTP, and an IMAP mailbox if one is set."""
    run(_mailbox)


async def _mailbox(stopping: asyncio.Event) -> None:
    settings = MailboxSettings.read(reach.surroundings())
    pool = await engine.database(settings.database_url, stopping=stopping)
    try:
        await mail.work(settings, pool, stopping)
    finally:
        await pool.close()


def host_agent() -> None:
    """The agent on a mail host: keeps it as the gateway wants it. Knows its own key only."""
    run(_host_agent)


async def _host_agent(stopping: asyncio.Event) -> None:
    await agent.work(AgentSettings.read(), stopping)


def edge_agent() -> None:
    """The agent on a firewall at the edge: blocks port 25 of addresses. Knows its own key only."""
    run(_edge_agent)


async def _edge_agent(stopping: asyncio.Event) -> None:
    await edge.work(EdgeSettings.read(), stopping)
