"""The connection to Temporal, and what our namespace needs to know there."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
from asyncpg import Pool
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from book.database import open_pool
from workers.embedded.temporal import SEARCH_ATTRIBUTES
from workers.leave import Refused, ToldToStop

log = logging.getLogger("plazo.worker")

TASK_QUEUE = "plazo"

_PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Seconds between tries to reach a server; the last again and again."""

_UNREACHABLE = (OSError, RuntimeError, RPCError, asyncpg.PostgresError, TimeoutError)

T = TypeVar("T")


async def connect(env: Mapping[str, str], *, identity: str | None = None) -> Client:
    """A client for the server that Temporal's own variables name (`TEMPORAL_ADDRESS` and so on).

    Raises RuntimeError when it cannot be reached.
    """
    config = ClientConfig.load_client_connect_config(override_env_vars=dict(env))
    config.setdefault("target_host", "localhost:7233")
    if identity is not None:
        return await Client.connect(**config, identity=identity)
    return await Client.connect(**config)


async def temporal(
    env: Mapping[str, str], *, identity: str, stopping: asyncio.Event | None = None
) -> Client:
    """Like `connect`, but raises Refused.

    With `stopping` it says what to check and keeps trying, until that is set: ToldToStop.
    """
    address = env.get("TEMPORAL_ADDRESS", "localhost:7233")
    return await _reach(
        lambda: connect(env, identity=identity),
        f"Temporal at {address}",
        "check that it runs, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_PROFILE",
        stopping,
    )


async def database(url: str, *, stopping: asyncio.Event | None = None) -> Pool:
    """A pool on the book of record, reached with the same patience."""
    parts = urlsplit(url)
    where = f"{parts.netloc.rpartition('@')[2]}{parts.path}"  # a query may hold the password
    return await _reach(
        lambda: open_pool(url),
        f"PostgreSQL at {where}",
        "check that it runs and PLAZO_DATABASE_URL",
        stopping,
    )


async def missing_search_attributes(client: Client) -> tuple[str, ...]:
    """Those that incidents are found by and the client's namespace does not know."""
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return tuple(name for name in SEARCH_ATTRIBUTES if name not in known.custom_attributes)


async def _reach(
    way: Callable[[], Coroutine[Any, Any, T]], what: str, check: str, stopping: asyncio.Event | None
) -> T:
    tries = 0
    while True:
        try:
            return await (way() if stopping is None else _unless(stopping, way()))
        except _UNREACHABLE as error:
            words = f"{what} cannot be reached ({str(error) or type(error).__name__}); {check}"
            if stopping is None:
                raise Refused(words) from error
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            log.warning("%s; trying again in %.0f s", words, pause)
            tries += 1
            await _unless(stopping, asyncio.sleep(pause))


async def _unless(stopping: asyncio.Event, doing: Coroutine[Any, Any, T]) -> T:
    """What `doing` gives. Raises ToldToStop when `stopping` is set before."""
    told = asyncio.create_task(stopping.wait())
    task = asyncio.create_task(doing)
    try:
        await asyncio.wait((told, task), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ToldToStop
        return task.result()
    finally:
        told.cancel()
        task.cancel()
