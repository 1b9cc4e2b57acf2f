"""The small provider's gateway on a real book of record."""

from collections.abc import AsyncIterator

import pytest_asyncio
from asyncpg import Pool

from tests.gateway.world import World, a_world


@pytest_asyncio.fixture
async def world(database: Pool) -> AsyncIterator[World]:
    async with a_world(database) as made:
        yield made
