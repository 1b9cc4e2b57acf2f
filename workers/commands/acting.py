"""What every act of a person has: by whom, why, and what it will do before it is done."""

import getpass
import os
from typing import Annotated

import typer

from book.console import acting
from domain.console.foresight import foresee
from domain.incident import Act
from gateway.incidents import EngineAway, Incidents, NoSuchIncident, What
from gateway.incidents import Refused as ActRefused
from workers.commands import reach
from workers.leave import Refused

Reason = Annotated[str, typer.Option("--reason", help="Why; it goes on record.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what it will do as things stand, and do nothing.")
]


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many a container
        return f"uid {os.getuid()}"


By = Annotated[
    str,
    typer.Option("--by", help="Who.", default_factory=_login_name, show_default="the login name"),
]


async def acted(incident: str, act: Act, what: What) -> str:
    """Carry out an act by the incident's workflow; what it did. Raises Refused."""
    try:
        answer = await Incidents(await reach.temporal()).act(incident, act, what)
    except (ActRefused, NoSuchIncident, EngineAway) as error:
        raise Refused(str(error)) from error
    deadline = f"; the deadline is {answer.deadline}" if answer.deadline else ""
    return f"{answer.said} Stage: {answer.stage}{deadline}"


async def foreseen(
    incident: str, act: Act, what: What, *, after_the_end: bool = False
) -> tuple[str, ...]:
    """What an act will do, one sentence each. Raises Refused where its stage does not admit it.

    `after_the_end`: a closed incident admits it too.
    """
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            found = await acting.standing(connection, incident, since=None)
        except LookupError as error:
            raise Refused(str(error)) from error
    if act not in found.acts and not (after_the_end and found.stage == "closed"):
        allowed = ", ".join(found.acts) or "nothing, it is closed"
        raise Refused(f'"{act}" is refused at stage "{found.stage}"; allowed now: {allowed}')
    return foresee(what, found.now, later=act is Act.EXTEND)
