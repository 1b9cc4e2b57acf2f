"""What the gateway needs from whoever runs it, and how its routes get at it."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import asyncpg
from asyncpg import Connection, Pool
from fastapi import Depends, Request

from book.database import LOST
from book.intake.inbox import Inbox
from gateway.desk.sign_on import SignOn
from gateway.incidents import Incidents
from gateway.problems import Problem

_SHORTEST = 16
"""Characters of a secret. An empty one would open everything to everybody."""

_AWAY = (*LOST, asyncpg.InsufficientResourcesError, asyncpg.TransactionRollbackError)
"""PostgreSQL is not there, is going, is full, or asks to try again: never the request's fault."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One provider's gateway. `reporters` has each one's Standard Webhooks secrets (`whsec_…`)."""

    pool: Pool
    incidents: Incidents
    provider: str
    reply_to: str
    portal_secret: str = field(repr=False)
    reporters: Mapping[str, tuple[str, ...]] = field(repr=False)
    public_url: str
    """Where people reach it, such as `https://abuse.provider.example`."""
    sign_on: SignOn | None = None
    """The OpenID Connect issuer of the provider's people, if it has one."""
    temporal_ui: str | None = None
    """Where Temporal's web interface is, such as `http://127.0.0.1:8233`."""
    inbox: Inbox = field(init=False, repr=False)
    """Where reports that are posted go: those that come at once share a commit."""

    def __post_init__(self) -> None:
        if len(self.portal_secret) < _SHORTEST:
            raise ValueError(f"portal_secret is shorter than {_SHORTEST} characters")
        for name in self.reporters:
            # It begins the names of its reports, up to a slash.
            if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
                raise ValueError(f'reporter "{name}": write it with letters, digits and _ . -')
        object.__setattr__(self, "inbox", Inbox(self.pool))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection to read with, all in one snapshot. Problem 503 while PostgreSQL is away."""
        with book_at_hand():
            async with (
                self.pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection


@contextmanager
def book_at_hand() -> Iterator[None]:
    """Turn every way in which PostgreSQL can be away into a 503 that says when to come again."""
    try:
        yield
    except _AWAY as error:
        raise Problem(
            503,
            "book-of-record-away",
            "The book of record cannot be reached. Nothing was changed; send the same again.",
            headers={"Retry-After": "10"},
        ) from error


async def _of(request: Request) -> Gateway:
    # Async, or FastAPI would ask a thread for it.
    gateway: Gateway = request.app.state.gateway
    return gateway


TheGateway = Annotated[Gateway, Depends(_of)]
"""A route's parameter of this type is the gateway that the application was made for."""
