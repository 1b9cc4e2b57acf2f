"""One test server for all, and incidents that end with their test."""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.workflows import servers
from tests.workflows.incident import Incident, Start, told
from tests.workflows.world import World

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def engine() -> AsyncIterator[WorkflowEnvironment]:
    async with await servers.time_skipping() as environment:
        yield environment


@pytest.fixture(scope="session")
async def real_engine() -> AsyncIterator[WorkflowEnvironment]:
    async with await servers.real() as environment:
        yield environment


@pytest.fixture
async def incident(engine: WorkflowEnvironment) -> AsyncIterator[Start]:
    """`await incident(world)` starts one in a world, with a worker of its own."""
    async with AsyncExitStack() as stack:
        yield _starter(engine, stack)


@pytest.fixture
async def real_incident(real_engine: WorkflowEnvironment) -> AsyncIterator[Start]:
    """The same on the real server, where time passes as it does."""
    async with AsyncExitStack() as stack:
        yield _starter(real_engine, stack)


def _starter(engine: WorkflowEnvironment, stack: AsyncExitStack) -> Start:
    async def start(world: World) -> Incident:
        name = f"incident-vps-1-{next(_numbers)}"
        return await stack.enter_async_context(told(engine, world, name))

    return start
