"""Redirected mail and its figures, written into a real book of record."""

from datetime import timedelta
from typing import Any

from asyncpg import Pool

from book.database import transaction
from book.money import readings, usage
from domain.measures import Measure, Restriction, Scope
from domain.money.redirects import Stretch
from tests.book.provider import HOST, INCIDENT, REDIRECT, seen

SOURCE = "mailchannels"
DOMAIN = Restriction(
    measure=Measure.SMARTHOST_REDIRECT, scope=Scope.DOMAIN, targets=("shop.example",)
)


async def redirected(
    pool: Pool, key: str = "m-1", restriction: Restriction = REDIRECT, *,
    meter: str | None = SOURCE, ago: timedelta = timedelta(hours=2), counted: int = 0,
) -> None:  # fmt: skip
    """A redirect that was asked for a while ago, and is seen in force."""
    parameters: dict[str, Any] = {"smarthost": f"{SOURCE}:smtp.example:587"}
    async with transaction(pool) as connection:
        await connection.execute(
            "INSERT INTO measures (key, incident, host, measure, scope, targets, parameters,"
            " asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, now() - $8::interval)",
            key, INCIDENT, HOST, restriction.measure, restriction.scope,
            list(restriction.targets), parameters | ({"meter": meter} if meter else {}), ago,
        )  # fmt: skip
    await seen(pool, key, relayed=counted, counter="a")


async def ended(pool: Pool, key: str = "m-1", *, ago: timedelta) -> None:
    """Lifted a while ago."""
    await pool.execute(
        "UPDATE measures SET wanted = 'lifted', observed = 'lifted',"
        " ended_at = now() - $2::interval WHERE key = $1",
        key,
        ago,
    )


async def due(pool: Pool) -> list[Stretch]:
    async with pool.acquire() as connection:
        return (await usage.due(connection, SOURCE, None)).get(HOST, [])


async def told(pool: Pool, stretch: Stretch, value: int) -> None:
    """The smarthost says what the host sent in a stretch."""
    async with transaction(pool) as connection:
        await readings.keep_figure(
            connection, SOURCE, HOST, stretch, value, {"answer": {"processed": value}}
        )


async def used(pool: Pool, incident: str = INCIDENT) -> usage.Usage:
    async with pool.acquire() as connection:
        return await usage.usage(connection, incident)
