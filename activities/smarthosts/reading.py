"""Reading a smarthost's figures: each stretch of time that is due, written down as told."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from asyncpg import Pool

from activities.smarthosts.port import Meter, NoFigures
from book.database import transaction
from book.money import readings, usage

log = logging.getLogger("plazo.worker")


@dataclass(frozen=True, kw_only=True)
class Read:
    """How many figures were told, and why others were not, by host."""

    readings: int = 0
    untold: Mapping[str, str] = field(default_factory=dict)


async def read_due(
    pool: Pool, meter: Meter, *, seconds: float, hosts: Collection[str] | None = None
) -> Read:
    """Ask for what is due of all hosts, or of these, within so many seconds.

    One host whose figures are not told keeps no other one back, and nothing that was told is lost.
    What there was no time for is asked for next time.
    """
    async with pool.acquire() as connection:
        due = await usage.due(connection, meter.kind, hosts)
    number, untold = 0, {}
    ends = asyncio.get_running_loop().time() + seconds
    for host, stretches in due.items():
        for stretch in stretches:
            try:
                async with asyncio.timeout_at(ends):
                    figure = await meter.sent(host, stretch.since, stretch.until)
            except (NoFigures, TimeoutError) as error:
                untold[host] = str(error) or f"no answer within {seconds:.0f} s"
                log.warning("no usage figures", extra={"host": host, "why": untold[host]})
                break
            async with transaction(pool) as connection:
                await readings.keep_figure(
                    connection, meter.kind, host, stretch, figure.messages, figure.raw
                )
            number += 1
    return Read(readings=number, untold=untold)
