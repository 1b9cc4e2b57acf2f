"""A client, an edge router, the world and a smarthost: network namespaces joined by veth pairs."""

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import TypeVar

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

T = TypeVar("T")

SECONDS = 30.0
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = count(1)

ADDRESSES = {
    "client": ("192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8:1::7", "2001:db8:1::9"),
    "world": ("198.51.100.1", "2001:db8:2::1"),
    "smarthost": ("203.0.113.1", "2001:db8:3::1"),
}
_ROUTERS = {
    "client": ("192.0.2.1", "2001:db8:1::1"),
    "world": ("198.51.100.254", "2001:db8:2::ff"),
    "smarthost": ("203.0.113.254", "2001:db8:3::ff"),
}
WORLD, WORLD6 = ADDRESSES["world"]
SMARTHOST, SMARTHOST6 = ADDRESSES["smarthost"]


def missing() -> str | None:
    """Why there can be no such network here; None where there can."""
    for program, package in (("nft", "nftables"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            return f"{program} is not installed; install {package}"
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    return None


@dataclass(frozen=True)
class Namespace:
    """One machine of the network."""

    name: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """In front of a command that is to run on it."""
        return ("ip", "netns", "exec", self.name)

    def run(self, *command: str, given: str = "") -> str:
        return _run(*self.prefix, *command, given=given)

    def within(self, what: Callable[[], T]) -> T:
        """What comes of a call on it: a socket stays where it was made. Only its thread moves."""
        made: list[T] = []

        def moved() -> None:
            place = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            try:
                if _libc.setns(place, _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                made.append(what())
            finally:
                os.close(place)

        thread = threading.Thread(target=moved)
        thread.start()
        thread.join()
        [result] = made
        return result

    def listens(self, address: str, port: int) -> socket.socket:
        return self.within(lambda: _bound(address, port, listens=True))

    async def connects(self, source: str, to: str, port: int = 25) -> socket.socket:
        """A connection from one of its addresses, once it stands."""
        opened = self.within(lambda: _bound(source, 0))
        try:
            await asyncio.get_running_loop().sock_connect(opened, (to, port))
        except BaseException:
            opened.close()
            raise
        return opened


@dataclass(kw_only=True)
class Letterbox:
    """An SMTP server that takes everything and says who brought it."""

    came: list[tuple[str, str]] = field(default_factory=list)
    """The address that brought a message, and the message's subject."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        assert session.peer is not None
        [subject] = [
            line.removeprefix(b"Subject: ").decode()
            for line in envelope.content.splitlines()
            if line.startswith(b"Subject: ")
        ]
        self.came.append((session.peer[0], subject))
        return "250 taken"


@dataclass(frozen=True, kw_only=True)
class Network:
    """All of it; routes and forwarding are set up, and nothing else."""

    client: Namespace
    edge: Namespace
    world: Namespace
    smarthost: Namespace

    async def sends(self, source: str, subject: str, to: str = WORLD) -> None:
        """A message from one of the client's addresses to port 25, once it has been taken."""
        await talks(await self.client.connects(source, to), subject)

    async def answers_its_world(self, address: str) -> None:
        """A message from the world to port 25 of one of the client's addresses."""
        async with letterbox(self.client, address) as box:
            source = WORLD6 if ":" in address else WORLD
            await talks(await self.world.connects(source, address), "inbound")
        assert box.came == [(source, "inbound")]


async def talks(connection: socket.socket, subject: str) -> None:
    """Hand in one message over a connection that stands."""
    message = EmailMessage()
    message["Subject"] = subject
    message.set_content("Hello.")
    async with aiosmtplib.SMTP(sock=connection, timeout=SECONDS) as smtp:
        await smtp.sendmail("info@shop.example", ["friend@far.example"], message.as_bytes())


@asynccontextmanager
async def letterbox(place: Namespace, address: str, port: int = 25) -> AsyncIterator[Letterbox]:
    """An SMTP server on a machine, until the block ends."""
    box = Letterbox()
    loop = asyncio.get_running_loop()
    listening = place.listens(address, port)
    server = await loop.create_server(
        lambda: SMTP(box, hostname="far.example", loop=loop), sock=listening
    )
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def a_network() -> Iterator[Network]:
    """Made and taken away; its names are this process's own. Skips, or fails where CI counts."""
    if (why := missing()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    number = next(_numbers)
    places = {
        name: Namespace(f"plazo-{os.getpid()}-{number}-{name}")
        for name in ("client", "edge", "world", "smarthost")
    }
    made = []
    try:
        for place in places.values():
            _run("ip", "netns", "add", place.name)
            made.append(place)
            _run("ip", "-n", place.name, "link", "set", "lo", "up")
        for name in ADDRESSES:
            _join(name, places[name], places["edge"])
        places["edge"].within(_forward)
        yield Network(**places)
    finally:
        for place in made:
            _run("ip", "netns", "del", place.name)


def _join(name: str, place: Namespace, edge: Namespace) -> None:
    link = f"to-{name}"
    _run("ip", "-n", place.name, "link", "add", "eth0", "type", "veth", "peer", link,
         "netns", edge.name)  # fmt: skip
    for address in ADDRESSES[name]:
        _address(place, "eth0", address)
    for router in _ROUTERS[name]:
        _address(edge, link, router)
    _run("ip", "-n", place.name, "link", "set", "eth0", "up")
    _run("ip", "-n", edge.name, "link", "set", link, "up")
    for router in _ROUTERS[name]:
        _run("ip", "-n", place.name, "route", "add", "default", "via", router)


def _address(place: Namespace, link: str, address: str) -> None:
    length, more = ("64", ("nodad",)) if ":" in address else ("24", ())
    _run("ip", "-n", place.name, "address", "add", f"{address}/{length}", "dev", link, *more)


def _forward() -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")


def _bound(address: str, port: int, *, listens: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    if listens:
        made.listen()
    made.setblocking(False)
    return made


def _run(*command: str, given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await fact():  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.02)
