"""What a stack in a process of its own needs around it: clients, their mail, a blocklist."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.workers.command import NOBODY, ROOT, Plazo, Running, as_user
from workers.demo.blocklist import BlocklistServer
from workers.demo.inbox import Inbox
from workers.embedded.home import temporary_folder

ZONE = "bl.example"

_PROFILE = """\
[profile.default]
address = "elsewhere.example:7233"
namespace = "elsewhere"
api_key = "of another server"
"""
"""The user works with another Temporal too; a stack of one machine has nothing to do with it."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """`client` gets what Plazo writes. `settings` is what Plazo needs to know."""

    client: Inbox
    blocklist: BlocklistServer

    @property
    def settings(self) -> dict[str, str]:
        return {
            "PLAZO_REPLY_TO": "abuse@provider.example",
            "PLAZO_SMTP_URL": f"smtp://{self.client.address}",
            "PLAZO_BLOCKLISTS": ZONE,
            "PLAZO_DNS": self.blocklist.address,
            "PLAZO_NEWS_INTERVAL": "0.2s",
            "PLAZO_CONFIRM": "1s",
            "PLAZO_VERIFY": "1s",
            "PLAZO_LOOK_AGAIN": "1s",
        }


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    async with Inbox() as client, BlocklistServer(ZONE) as blocklist:
        yield Outside(client=client, blocklist=blocklist)


@contextmanager
def a_home() -> Iterator[Path]:
    """A state directory of an ordinary user's, in a folder that holds nothing else."""
    with temporary_folder() as folder:
        home = folder / "home"
        home.mkdir()
        if ROOT:
            os.chown(home, NOBODY, NOBODY)
        yield home


@asynccontextmanager
async def up(home: Path, around: Outside) -> AsyncIterator[tuple[Plazo, Running]]:
    """`plazo up` of an ordinary user; `plazo` runs the other commands beside it."""
    profiles = home.parent / "config" / "temporalio" / "temporal.toml"
    profiles.parent.mkdir(parents=True, exist_ok=True)
    profiles.write_text(_PROFILE)
    env = {"XDG_CONFIG_HOME": str(home.parent / "config")}
    plazo = Plazo(home=home, env=env, prefix=as_user(NOBODY))
    async with plazo.running("up", env=around.settings) as running:
        await running.says("Up. Ctrl-C stops it")
        yield plazo, running


_CLIENT = """\
  client-{n}:
    name: Client {n} SL
    kind: business
    language: en
    contacts: [client-{n}@cliente.example]
    contracts:
      contract-{n}:
        clause: "7.3"
        jurisdiction: ES
        deadline: {deadline}s
        measures: [hold_domain]
        reminders: [1s]
        probation: 1s
        prices:
          delisting_first: 50.00 EUR
          delisting_again: 150.00 EUR
          smarthost_per_thousand: 4.00 EUR
          smarthost_minimum: 10.00 EUR
          dedicated_address_monthly: 25.00 EUR
    services:
      vps-{n}: {{kind: managed_vps, host: mx{n}.provider.example, addresses: [203.0.113.{n}]}}
"""


def clients_file(count: int, *, deadline: int) -> bytes:
    """So many clients, from 1 on, each with a host, a contract and a service of its own.

    So each has its first incident, with its whole deadline, in seconds.
    """
    numbers = range(1, count + 1)
    hosts = "".join(f"  mx{n}.provider.example:\n" for n in numbers)
    clients = "".join(_CLIENT.format(n=n, deadline=deadline) for n in numbers)
    return f"hosts:\n{hosts}clients:\n{clients}".encode()


def a_complaint(number: int) -> bytes:
    """A report in plain JSON of spam that client `number`'s service sent now."""
    what = {
        "address": f"203.0.113.{number}",
        "domain": "tienda.example",
        "sent_at": datetime.now(UTC).isoformat(),
    }
    return json.dumps(what).encode()


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def forwarding(port: int, to: str) -> AsyncIterator[None]:
    """Have `port` lead to `to`, which is HOST:PORT."""
    host, _, number = to.rpartition(":")
    open_ones: set[asyncio.StreamWriter] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(host, int(number))
        open_ones.update((writer, onward))
        await asyncio.gather(copy(reader, onward), copy(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for writer in open_ones:
            writer.transport.abort()
        await server.wait_closed()
