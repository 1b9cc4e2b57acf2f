"""What a command needs opened: settings, the book of record, Temporal."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from asyncpg import Pool
from dotenv import dotenv_values
from temporalio.client import Client

from workers import engine
from workers.embedded.home import Home
from workers.identity import identity
from workers.leave import Refused
from workers.settings.provider import Settings
from workers.settings.reading import environment


def surroundings() -> Mapping[str, str]:
    """The environment and `.env`; what both lack comes from a stack that is up on this machine."""
    up = Home.at().connection_file
    known: dict[str, str] = {}
    if os.access(up, os.R_OK):
        known = {name: value for name, value in dotenv_values(up).items() if value}
    return {**known, **environment()}


def settings() -> Settings:
    """The provider's settings. Raises BadSettings."""
    return Settings.read(surroundings())


def database_url() -> str:
    """Where the book of record is. Raises Refused, or BadSettings."""
    url: str | None = Settings.one("PLAZO_DATABASE_URL", surroundings())
    if url is None:
        raise Refused(
            "PLAZO_DATABASE_URL is not set, and no stack is up on this machine; start one with "
            "`plazo up`, or say where the book of record is"
        )
    return url


@asynccontextmanager
async def book() -> AsyncIterator[Pool]:
    """The book of record, for one command. Raises Refused when it cannot be reached."""
    pool = await engine.database(database_url())
    try:
        yield pool
    finally:
        await pool.close()


async def temporal() -> Client:
    """The engine, for one command. Raises Refused when it cannot be reached."""
    return await engine.temporal(surroundings(), identity=identity())
