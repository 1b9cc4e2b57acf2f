"""Incidents: listed, shown, and acted upon by people, each act with a reason that is on record."""

import asyncio
import getpass
import os
from typing import Annotated

import typer

from book import pages
from domain.acts import (
    CallOutcome,
    Close,
    Escalate,
    FalsePositive,
    Fixed,
    MoveDeadline,
    Release,
    Waive,
)
from domain.incident import Act, Outcome, Stage
from domain.ladder import Term
from domain.money import ChargeKind
from domain.pages import IncidentPage, IncidentRow
from domain.units import Hours
from gateway.incidents import EngineAway, Incidents, NoSuchIncident, What
from gateway.incidents import Refused as ActRefused
from workers.commands import reach
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused

app = typer.Typer(help="Incidents, and what people do to them.", no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", help="Why; it goes on record.")]


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many a container
        return f"uid {os.getuid()}"


By = Annotated[
    str,
    typer.Option("--by", help="Who.", default_factory=_login_name, show_default="the login name"),
]
Senders = Annotated[
    list[str], typer.Option("--discard-sender", help="Discard all held mail of this sender.")
]
Messages = Annotated[
    list[str], typer.Option("--discard-message", help="Discard the held message of this queue id.")
]
_NONE: list[str] = []


@app.command("list")
def list_incidents(
    stage: Annotated[Stage | None, typer.Option(help="Only at this stage.")] = None,
    client: Annotated[str | None, typer.Option(help="Only of this client.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
    json: Json = False,
) -> None:
    """Incidents, the newest first."""
    found = asyncio.run(_list(stage, client, limit))
    if json:
        as_json(found)
        return
    table(
        ("Incident", "Client", "Stage", "Outcome", "Deadline (UTC)", "Measure", "Reports"),
        [
            (
                row.incident,
                row.client,
                row.stage,
                row.outcome,
                f"{row.deadline:%Y-%m-%d %H:%M}" if row.deadline else None,
                row.measure,
                row.reports,
            )
            for row in found
        ],
    )


@app.command("show")
def show(
    incident: str,
    attempts: Annotated[bool, typer.Option(help="Show each attempt of each step.")] = False,
    json: Json = False,
) -> None:
    """One incident with its decisions, what failed, and what may be done to it now."""
    page = asyncio.run(_page(incident))
    if json:
        as_json(page)
        return
    state = f", {page.outcome}" if page.outcome else ""
    line(f"{page.incident}: {page.stage}{state}")
    line(f"client {page.client}, {page.service_kind} {page.service}, contract {page.contract}")
    if page.deadline is not None:
        line(f"deadline {page.deadline:%Y-%m-%d %H:%M:%S} UTC")
    for measure in page.measures:
        line(
            f"{measure.restriction}: wanted {measure.wanted}, seen {measure.observed or 'not yet'}"
        )
    for task in page.tasks:
        line(f"task {task.kind}: {task.detail}{f' - {task.outcome}' if task.outcome else ''}")
    line()
    for entry in page.chain:
        if not (attempts or entry.failed or entry.source.startswith(("decision:", "opened"))):
            continue
        line(f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.what}{_by(entry.by)}")
        for reason in entry.reasons:
            line(f"{'':21}{reason}")
    if page.chain_break:
        line(f"THE CHAIN IS BROKEN: {page.chain_break}")
    if page.acts:
        line(f"\nmay be done now: {', '.join(page.acts)}")


@app.command("extend")
def extend(incident: str, span: str, reason: Reason, by: By) -> None:
    """Move the deadline later by SPAN (such as 4h) of the contract's calendar."""
    _act(incident, Act.EXTEND, MoveDeadline(by=by, seconds=_seconds(span), reason=reason))


@app.command("shorten")
def shorten(incident: str, span: str, reason: Reason, by: By) -> None:
    """Move the deadline earlier by SPAN (such as 4h) of the contract's calendar."""
    _act(incident, Act.SHORTEN, MoveDeadline(by=by, seconds=_seconds(span), reason=reason))


@app.command("escalate")
def escalate(incident: str, reason: Reason, by: By) -> None:
    """Wait no longer: restrict now, or take the contract's next measure."""
    _act(incident, Act.ESCALATE, Escalate(by=by, reason=reason))


@app.command("fixed")
def fixed(
    incident: str,
    reason: Annotated[str, typer.Option("--reason", help="What the client said.")],
    by: By,
    accept: Annotated[list[Term], typer.Option(help="A condition that the client accepts.")] = [],  # noqa: B006
    deliver_rest: Annotated[
        bool, typer.Option(help="The client answered for held mail: deliver what is not named.")
    ] = False,
    discard_sender: Senders = _NONE,
    discard_message: Messages = _NONE,
) -> None:
    """Record a call: the client says that it is fixed."""
    what = Fixed(
        by=by,
        note=reason,
        accepts=tuple(accept),
        answered=deliver_rest or bool(discard_sender or discard_message),
        discard_senders=tuple(discard_sender),
        discard_messages=tuple(discard_message),
    )
    _act(incident, Act.FIXED, what)


@app.command("release")
def release(
    incident: str,
    reason: Reason,
    by: By,
    deliver_everything: Annotated[bool, typer.Option(help="Hold back no message.")] = False,
    discard_sender: Senders = _NONE,
    discard_message: Messages = _NONE,
) -> None:
    """Lift the measure without the client's word."""
    what = Release(
        by=by,
        reason=reason,
        deliver_everything=deliver_everything,
        discard_senders=tuple(discard_sender),
        discard_messages=tuple(discard_message),
    )
    _act(incident, Act.RELEASE, what)


@app.command("waive")
def waive(incident: str, charge: ChargeKind, reason: Reason, by: By) -> None:
    """Forgive one kind of charge, made or still to be made."""
    _act(incident, Act.WAIVE, Waive(by=by, charge=charge, reason=reason))


@app.command("false-positive")
def false_positive(incident: str, reason: Reason, by: By) -> None:
    """There was no spam: lift everything, void the charges, apologise."""
    _act(incident, Act.FALSE_POSITIVE, FalsePositive(by=by, reason=reason))


@app.command("call")
def call(
    incident: str,
    reason: Annotated[str, typer.Option("--reason", help="What came of the call.")],
    reached: Annotated[bool, typer.Option("--reached/--not-reached")],
    by: By,
) -> None:
    """Record what came of the phone call."""
    _act(incident, Act.CALL_OUTCOME, CallOutcome(by=by, outcome=reason, reached=reached))


@app.command("close")
def close(incident: str, outcome: Outcome, reason: Reason, by: By) -> None:
    """End it as withdrawn (lifts everything) or terminated (measures stay)."""
    _act(incident, Act.CLOSE, Close(by=by, outcome=outcome, reason=reason))


def _act(incident: str, act: Act, what: What) -> None:
    line(asyncio.run(_acted(incident, act, what)))


async def _acted(incident: str, act: Act, what: What) -> str:
    try:
        answer = await Incidents(await reach.temporal()).act(incident, act, what)
    except (ActRefused, NoSuchIncident, EngineAway) as error:
        raise Refused(str(error)) from error
    deadline = f"; the deadline is {answer.deadline}" if answer.deadline else ""
    return f"{answer.said} Stage: {answer.stage}{deadline}"


async def _list(stage: Stage | None, client: str | None, limit: int) -> tuple[IncidentRow, ...]:
    async with reach.book() as pool, pool.acquire() as connection:
        return await pages.incidents(connection, stage=stage, client=client, limit=limit)


async def _page(incident: str) -> IncidentPage:
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            return await pages.incident_page(connection, incident, "", ())
        except LookupError as error:
            raise Refused(str(error)) from error


def _seconds(span: str) -> int:
    try:
        return Hours.parse(span).seconds
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _by(who: str | None) -> str:
    return f" (by {who})" if who and who != "plazo" else ""
