"""The gateway as a process: its application on a socket, until it is told to stop."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from asyncpg import Pool
from temporalio.client import Client

from gateway.app import create_app
from gateway.desk.sign_on import SignOn
from gateway.gateway import Gateway
from gateway.incidents import Incidents
from workers.leave import Refused
from workers.settings.provider import Settings

_DRAIN = 10
"""Seconds that requests under way get; long polls are answered at once, they ask again."""


class _Server(uvicorn.Server):
    """uvicorn, but who owns the process decides when it ends: it takes no signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(settings: Settings, pool: Pool, client: Client) -> AsyncIterator[str]:
    """Serve while the block lasts; gives the address, `http://HOST:PORT`.

    Raises Refused when the address in `PLAZO_LISTEN` cannot be had.
    """
    app = create_app(
        Gateway(
            pool=pool,
            incidents=Incidents(client),
            provider=settings.provider,
            reply_to=settings.reply_to,
            portal_secret=settings.portal_secret,
            reporters=settings.reporters,
            public_url=settings.public_url,
            sign_on=_sign_on(settings),
            temporal_ui=settings.temporal_ui,
        )
    )
    with bound(settings.listen) as listener:
        server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN,
            )
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))
        ready = asyncio.create_task(server.ready.wait())
        try:
            await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
            if not server.started:
                raise Refused("the gateway did not start; its log says why")
            # What is there now stays. Looking through it for garbage again and again took a tenth
            # of a storm's time.
            gc.freeze()
            host, port = listener.getsockname()[:2]
            yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        finally:
            ready.cancel()
            app.state.wake.let_go()
            server.should_exit = True
            await task


def _sign_on(settings: Settings) -> SignOn | None:
    if settings.oidc_issuer is None:
        return None
    return SignOn(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client,
        client_secret=settings.oidc_secret,
        return_to=f"{settings.public_url}/sign-on/return",
    )


@contextmanager
def bound(listen: str) -> Iterator[socket.socket]:
    """A listening socket at `HOST:PORT`. Raises Refused."""
    host, _, port = listen.rpartition(":")
    try:
        listener = socket.create_server(
            (host.strip("[]"), int(port)),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=2_048,
        )
    except OSError as error:
        raise Refused(
            f"the gateway cannot listen on {listen} ({error.strerror}); "
            "set PLAZO_LISTEN to an address that is free"
        ) from error
    with listener:
        # Head and body are two writes. asyncio sees to it by itself only on sockets that name their
        # protocol, which those of `create_server` do not; without it each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


async def serve(settings: Settings, pool: Pool, client: Client, stopping: asyncio.Event) -> None:
    """Serve until `stopping` is set, and end in order."""
    async with serving(settings, pool, client):
        await stopping.wait()
