"""Tasks for people: listed, taken, handed on, and done with what came of them."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from book.database import transaction
from book.incident import tasks
from book.incident.tasks import ToldWhen
from domain.acts import CallOutcome
from domain.incident import Act
from domain.steps import TaskKind
from domain.tasks import Task
from gateway.incidents import EngineAway, Incidents, NoSuchIncident
from gateway.incidents import Refused as ActRefused
from workers.commands import reach
from workers.commands.acting import By
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused

app = typer.Typer(help="What only a person can do.", no_args_is_help=True)


def _moment(words: str) -> datetime:
    """`now`, or a moment with its offset."""
    if words == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise typer.BadParameter(
            f'"{words}" is not a moment; write it as 2026-11-24T14:30+01:00, or now'
        )
    return moment


@app.command("list")
def list_tasks(
    by: By,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that are mine.")] = False,
    owner: Annotated[str | None, typer.Option(help="Only this person's.")] = None,
    due: Annotated[bool, typer.Option("--due", help="Only those that are due.")] = False,
    done: Annotated[bool, typer.Option("--done", help="Those that are done as well.")] = False,
    json: Json = False,
) -> None:
    """Tasks, the most urgent first."""
    if mine and owner is not None:
        raise typer.BadParameter("--mine and --owner ask for different people's; leave one out")
    found = asyncio.run(_list(by if mine else owner, due=due, done=done))
    if json:
        as_json(found)
        return
    table(
        ("Task", "Kind", "Due (UTC)", "Owner", "What", "Outcome"),
        [
            (
                task.key,
                task.kind,
                f"{task.due.astimezone(UTC):%Y-%m-%d %H:%M}",
                task.owner,
                " ".join(task.detail.split()),
                task.outcome,
            )
            for task in found
        ],
    )


@app.command("take")
def take(key: str, by: By) -> None:
    """It is yours now."""
    line(_told(asyncio.run(_assign(key, by, by, None))))


@app.command("reassign")
def reassign(
    key: str,
    owner: Annotated[str, typer.Option("--to", help="Whose it is from now on.")],
    by: By,
    due: Annotated[
        datetime | None, typer.Option(help="Due then: 2026-11-24T14:30+01:00.", parser=_moment)
    ] = None,
) -> None:
    """It is somebody else's now, and due at another time if you say so."""
    line(_told(asyncio.run(_assign(key, owner, by, due))))


@app.command("done")
def done(
    key: str,
    outcome: Annotated[str, typer.Option("--outcome", help="What came of it; on record.")],
    by: By,
    minutes: Annotated[
        int | None, typer.Option(help="Of your work; a contract may price calls.", min=0, max=1_440)
    ] = None,
    told_at: Annotated[
        datetime | None,
        typer.Option(
            help="When you told the client, 2026-11-24T14:30+01:00 or now: begins a deadline "
            "that no letter has begun.",
            parser=_moment,
        ),
    ] = None,
    reached: Annotated[
        bool | None, typer.Option("--reached/--not-reached", help="The client, in a phone call.")
    ] = None,
) -> None:
    """Put on record what came of it. Its incident hears of it at once."""
    if not outcome.strip():
        raise typer.BadParameter("--outcome is empty; say what came of it")
    line(asyncio.run(_done(key, outcome, by, minutes, told_at, reached)))


async def _list(owner: str | None, *, due: bool, done: bool) -> tuple[Task, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        until = datetime.now(UTC) if due else None
        return await tasks.find(connection, owner=owner, due_by=until, done=done)


async def _assign(key: str, owner: str, by: str, due: datetime | None) -> Task:
    if not owner.strip():
        raise Refused("--to is empty; name a person")
    async with reach.book() as pool:
        try:
            async with transaction(pool) as connection:
                return await tasks.assign(connection, key, owner, by, due_at=due)
        except (tasks.NoSuchTask, tasks.TaskDone) as error:
            raise Refused(str(error)) from error


async def _done(
    key: str,
    outcome: str,
    by: str,
    minutes: int | None,
    told_at: datetime | None,
    reached: bool | None,
) -> str:
    async with reach.book() as pool:
        try:
            async with transaction(pool) as connection:
                task = await tasks.one(connection, key)
                if task.done_at is not None:
                    raise tasks.TaskDone(key, task.done_by, task.outcome)
                if task.kind != TaskKind.CALL_CLIENT or task.incident is None:
                    what = tasks.Outcome(by=by, outcome=outcome, minutes=minutes, told_at=told_at)
                    return _told(await tasks.finish(connection, key, what))
        except (tasks.NoSuchTask, tasks.TaskDone, ToldWhen) as error:
            raise Refused(str(error)) from error
    if reached is None:
        raise Refused("this is a phone call; add --reached or --not-reached")
    if told_at is not None:
        raise Refused("a call counts from when it is put on record; leave --told-at out")
    # The incident itself records a call: it acts on it, and charges the minutes.
    what_came = CallOutcome(by=by, outcome=outcome, reached=reached, minutes=minutes or 0)
    try:
        incidents = Incidents(await reach.temporal())
        return (await incidents.act(task.incident, Act.CALL_OUTCOME, what_came)).said
    except (ActRefused, NoSuchIncident, EngineAway) as error:
        raise Refused(str(error)) from error


def _told(task: Task) -> str:
    if task.done_at is not None:
        return f"{task.key} is done: {task.outcome}"
    return f"{task.key} is {task.owner}'s, due {task.due.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
