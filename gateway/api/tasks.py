"""`/v1/tasks`: what waits for a person, whose it is, and what came of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.database import transaction
from book.incident import tasks
from book.incident.tasks import NoSuchTask, TaskDone, ToldWhen
from domain.acts import MOST_MINUTES, CallOutcome
from domain.incident import Act
from domain.steps import TaskKind
from domain.tasks import Task
from gateway.api import examples
from gateway.api.answers import LONGEST_KEY, MOST, asked, more, single, told, unknown_cursor
from gateway.api.bodies import LONGEST_REASON, fit, invalid, taken
from gateway.api.documents import ALWAYS, SENT, gives, problems, takes
from gateway.api.who import Actor, Reader
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.incidents import EngineAway, NoSuchIncident, Refused
from gateway.problems import Problem

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], responses=ALWAYS)

Key = Annotated[
    str,
    Path(
        max_length=LONGEST_KEY,
        description="As the list has it, percent-encoded.",
        examples=[examples.TASK.key],
    ),
]
LONGEST_OWNER = 64
"""Characters, as of a user's name."""

_UNKNOWN = problems(404)
_DONE = problems(_409="It is done already, or its incident refuses; the detail says more.")
_WORDS = {"minLength": 1, "maxLength": LONGEST_REASON}


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """Some tasks, and where the list goes on."""

    rows: tuple[Task, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Reassignment:
    """Whose a task is from now on, and when it is due, where that changes."""

    owner: str
    due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TaskOutcome:
    """What came of a task."""

    outcome: str
    minutes: int | None = None
    """Of a person's work; a contract may price calls."""
    told_at: datetime | None = None
    """When the client was told by other means: begins a deadline that no letter has begun."""
    reached: bool | None = None
    """Whether the client was; for a phone call, where it is needed."""


@router.get(
    "",
    summary="Tasks, the most urgent first",
    operation_id="list_tasks",
    responses=gives(Tasks, Tasks(rows=(examples.TASK,), after=None), "Some tasks."),
)
async def listed(
    gateway: TheGateway,
    person: Reader,
    owner: Annotated[str | None, Query(max_length=LONGEST_KEY)] = None,
    mine: Annotated[bool, Query(description="Those of the token's owner.")] = False,
    due: Annotated[bool, Query(description="Those that are due.")] = False,
    done: Annotated[bool, Query(description="Those that are done, too.")] = False,
    after: Annotated[str | None, Query(max_length=LONGEST_KEY)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    if mine and owner is not None:
        raise Problem(422, "invalid-request", "query: mine and owner ask for different people's.")
    async with gateway.reading() as connection:
        last = None
        if after is not None:
            try:
                last = await tasks.one(connection, asked(after))
            except NoSuchTask as error:
                raise unknown_cursor(after) from error
        rows = await tasks.find(
            connection,
            owner=person.name if mine else None if owner is None else asked(owner),
            due_by=datetime.now(UTC) if due else None,
            done=done,
            after=last,
            limit=limit + 1,
        )
    return told(Tasks(rows=rows[:limit], after=more([row.key for row in rows], limit)))


@router.post(
    "/{key:path}/take",
    summary="Make a task one's own",
    operation_id="take_task",
    responses={**gives(Task, examples.TASK, "It is yours."), **_UNKNOWN, **_DONE},
)
async def take(gateway: TheGateway, person: Actor, key: Key) -> Response:
    return told(await _assign(gateway, key, person.name, person.name, None))


@router.post(
    "/{key:path}/reassign",
    summary="Give a task to somebody",
    operation_id="reassign_task",
    responses={**gives(Task, examples.TASK, "It is theirs."), **_UNKNOWN, **_DONE, **SENT},
    openapi_extra=takes(
        Reassignment,
        {"owner": "bo", "due_at": "2026-03-02T12:00:00+01:00"},
        owner={"minLength": 1, "maxLength": LONGEST_OWNER},
    ),
)
async def reassign(request: Request, gateway: TheGateway, person: Actor, key: Key) -> Response:
    what = await taken(request, Reassignment)
    fit(owner=what.owner)
    if not what.owner.isprintable() or len(what.owner) > LONGEST_OWNER:
        raise invalid(f"owner: a name of up to {LONGEST_OWNER} characters")
    return told(await _assign(gateway, key, what.owner, person.name, what.due_at))


@router.post(
    "/{key:path}/done",
    summary="Put on record what came of a task",
    operation_id="finish_task",
    responses={**gives(Task, examples.TASK, "It is done."), **_UNKNOWN, **_DONE, **SENT},
    openapi_extra=takes(
        TaskOutcome,
        {"outcome": "They clean it tonight.", "minutes": 10, "reached": True},
        outcome=_WORDS,
    ),
)
async def done(request: Request, gateway: TheGateway, person: Actor, key: Key) -> Response:
    what = await taken(request, TaskOutcome)
    fit(outcome=what.outcome)
    if what.minutes is not None and not 0 <= what.minutes <= MOST_MINUTES:
        raise invalid(f"minutes: from 0 to {MOST_MINUTES:,}")
    task = await _task(gateway, key)
    if task.kind == TaskKind.CALL_CLIENT and task.incident is not None and task.done_at is None:
        await _called(gateway, task.incident, what, person.name)
        return told(await _task(gateway, key))
    came = tasks.Outcome(
        by=person.name, outcome=what.outcome, minutes=what.minutes, told_at=what.told_at
    )
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                return told(await tasks.finish(connection, task.key, came))
    except NoSuchTask as error:
        raise _no_such(key) from error
    except TaskDone as error:
        raise Problem(409, "task-done", f"{error}.") from error
    except ToldWhen as error:
        raise invalid(f"told_at: {error}") from error


# After the others, for it takes every path.
@router.get(
    "/{key:path}",
    summary="One task",
    operation_id="read_task",
    responses={**gives(Task, examples.TASK, "The task.", tagged=True), **_UNKNOWN},
)
async def one(request: Request, gateway: TheGateway, person: Reader, key: Key) -> Response:
    return single(request, await _task(gateway, key))


async def _task(gateway: Gateway, key: str) -> Task:
    async with gateway.reading() as connection:
        try:
            return await tasks.one(connection, key if key.isprintable() else "")
        except NoSuchTask as error:
            raise _no_such(key) from error


async def _assign(gateway: Gateway, key: str, owner: str, by: str, due_at: datetime | None) -> Task:
    try:
        with book_at_hand():
            async with transaction(gateway.pool) as connection:
                given = key if key.isprintable() else ""
                return await tasks.assign(connection, given, owner, by, due_at=due_at)
    except NoSuchTask as error:
        raise _no_such(key) from error
    except TaskDone as error:
        raise Problem(409, "task-done", f"{error}.") from error


async def _called(gateway: Gateway, incident: str, what: TaskOutcome, by: str) -> None:
    """The incident itself records a call: it acts on it, and charges the minutes."""
    if what.reached is None:
        raise invalid("reached: say whether the client was reached; this is a phone call")
    if what.told_at is not None:
        raise invalid("told_at: a call counts from when it is put on record; leave it out")
    act = CallOutcome(by=by, outcome=what.outcome, reached=what.reached, minutes=what.minutes or 0)
    try:
        await gateway.incidents.act(incident, Act.CALL_OUTCOME, act, once=uuid4().hex)
    except Refused as error:
        raise Problem(409, "refused", f"{error}.") from error
    except (NoSuchIncident, EngineAway) as error:
        raise Problem(
            503,
            "engine-away",
            f"The incident's workflow does not answer ({error}). Send the same again.",
            headers={"Retry-After": "60"},
        ) from error


def _no_such(key: str) -> Problem:
    return Problem(404, "no-such-task", f"There is no task {key[:100]!a}.")
