"""The connection to Temporal, and what our namespace needs to know there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import asyncpg
from asyncpg import Pool
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from book.database import open_pool
from workers.embedded.temporal import SEARCH_ATTRIBUTES
from workers.leave import Refused

log = logging.getLogger("plazo.worker")

TASK_QUEUE = "plazo"

_PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Seconds between tries to reach a server; the last again and again."""

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


async def temporal(env: Mapping[str, str], *, identity: str, patient: bool = True) -> Client:
    """Like `connect`. A `patient` one says what to check and keeps trying; else Refused."""
    address = env.get("TEMPORAL_ADDRESS", "localhost:7233")
    return await _reach(
        lambda: connect(env, identity=identity),
        f"Temporal at {address}",
        "check that it runs, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_PROFILE",
        patient,
    )


async def database(url: str, *, patient: bool = True) -> Pool:
    """A pool on the book of record, reached with the same patience."""
    where = url.rpartition("@")[2] or url
    return await _reach(
        lambda: open_pool(url),
        f"PostgreSQL at {where}",
        "check that it runs and PLAZO_DATABASE_URL",
        patient,
    )


async def missing_search_attributes(client: Client) -> tuple[str, ...]:
    """Those that incidents are found by and the client's namespace does not know."""
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return tuple(name for name in SEARCH_ATTRIBUTES if name not in known.custom_attributes)


async def _reach(way: Callable[[], Awaitable[T]], what: str, check: str, patient: bool) -> T:
    tries = 0
    while True:
        try:
            return await way()
        except (OSError, RuntimeError, RPCError, asyncpg.PostgresError, TimeoutError) as error:
            words = f"{what} cannot be reached ({str(error) or type(error).__name__}); {check}"
            if not patient:
                raise Refused(words) from error
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            log.warning("%s; trying again in %.0f s", words, pause)
            tries += 1
            await asyncio.sleep(pause)
