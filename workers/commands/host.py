"""Hosts and the keys of their agents."""

import asyncio

import typer

from book.database import transaction
from book.incident import measures
from book.incident.measures import NoSuchHost
from workers.commands import reach
from workers.commands.say import line
from workers.leave import Refused

app = typer.Typer(help="The hosts that agents run on.", no_args_is_help=True)


@app.command("enrol")
def enrol(host: str) -> None:
    """Print a new key for a host's agent (PLAZO_HOST_KEY there). An earlier key ends now."""
    line(asyncio.run(_enrol(host)))


async def _enrol(host: str) -> str:
    async with reach.book() as pool, transaction(pool) as connection:
        try:
            return await measures.enrol(connection, host)
        except NoSuchHost as error:
            raise Refused(str(error)) from error
