"""`/tasks`: what waits for a person, whose it is, and what came of it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from book.database import transaction
from book.incident import tasks
from book.incident.tasks import NoSuchTask, Outcome, TaskDone
from domain.console.desk import Right
from domain.console.views import TaskPage, TasksPage
from gateway.desk.act_forms import LONGEST_REASON, Fields
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn, insist, posted
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.problems import Problem

router = APIRouter(tags=["desk"], default_response_class=HTMLResponse)

_LONGEST_KEY = 400
_LONGEST_WORK = 24 * 60
"""Minutes of one person's work on one task."""

Key = Annotated[str, Query(max_length=_LONGEST_KEY)]


@router.get("/tasks", summary="What waits for a person, the most urgent first")
async def waiting(
    request: Request, gateway: TheGateway, session: SignedIn, mine: bool = False
) -> Response:
    owner = session.person.name if mine else None
    async with gateway.reading() as connection:
        page = TasksPage(
            provider=gateway.provider,
            person=session.person,
            csrf=session.csrf,
            now=await connection.fetchval("SELECT now()"),
            mine=mine,
            tasks=await tasks.find(connection, owner=owner, limit=500),
            may_act=session.person.may(Right.ACT),
        )
    return shown(request, "tasks.html", page)


@router.get("/task", summary="One task, and the form to see to it")
async def one(request: Request, gateway: TheGateway, session: SignedIn, key: Key) -> Response:
    return shown(request, "task.html", await _page(gateway, session, key))


@router.post("/task/take", summary="Make a task one's own")
async def take(request: Request, gateway: TheGateway, session: SignedIn, key: Key) -> Response:
    insist(session.person, Right.ACT)
    await posted(request, session, gateway)
    me = session.person.name
    with book_at_hand():
        async with transaction(gateway.pool) as connection:
            try:
                await tasks.assign(connection, key, me, me)
            except NoSuchTask as error:
                raise _no_such(key) from error
            except TaskDone as error:
                raise Problem(409, "task-done", f"{error}.") from error
    return RedirectResponse("/tasks", 303)


@router.post("/task/done", summary="Put on record what came of a task")
async def done(request: Request, gateway: TheGateway, session: SignedIn, key: Key) -> Response:
    insist(session.person, Right.ACT)
    fields = await posted(request, session, gateway)
    try:
        what = _outcome(fields, session.person.name)
    except ValueError as error:
        page = await _page(gateway, session, key, said=f"{error}.")
        return shown(request, "task.html", page, 422)
    with book_at_hand():
        async with transaction(gateway.pool) as connection:
            try:
                await tasks.finish(connection, key, what)
            except NoSuchTask as error:
                raise _no_such(key) from error
            except TaskDone as error:
                raise Problem(409, "task-done", f"{error}.") from error
    return RedirectResponse("/tasks", 303)


async def _page(gateway: Gateway, session: SignedIn, key: str, said: str = "") -> TaskPage:
    async with gateway.reading() as connection:
        try:
            task = await tasks.one(connection, key if key.isprintable() else "")
        except NoSuchTask as error:
            raise _no_such(key) from error
        return TaskPage(
            provider=gateway.provider,
            person=session.person,
            csrf=session.csrf,
            now=await connection.fetchval("SELECT now()"),
            task=task,
            may_act=session.person.may(Right.ACT) and task.done_at is None,
            said=said,
        )


def _outcome(fields: Fields, by: str) -> Outcome:
    words = " ".join("".join(fields["outcome"]).split())
    if not words:
        raise ValueError("say what came of it; it goes on record")
    if len(words) > LONGEST_REASON:
        raise ValueError(f"the outcome has more than {LONGEST_REASON:,} characters")
    given = "".join(fields["minutes"]).strip()
    if given and not (given.isdecimal() and int(given[:9]) <= _LONGEST_WORK):
        raise ValueError(f'"{given[:20]}" is no number of minutes up to {_LONGEST_WORK:,}')
    return Outcome(by=by, outcome=words, minutes=int(given) if given else None)


def _no_such(key: str) -> Problem:
    return Problem(404, "no-such-task", f"There is no task {key[:100]!a}.")
