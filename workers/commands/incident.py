"""Incidents: listed, found, shown, told as a story; what people do to them is in incident_acts."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from book.console import links, pages, worklist
from book.console import timeline as stories
from book.database import transaction
from book.incident import audit
from book.incident.incidents import parties
from domain.console.pages import IncidentPage, IncidentRow
from domain.console.timeline import Timeline
from domain.console.views import Order, Query, Worklist
from domain.incident import Outcome, Stage
from workers.commands import incident_acts, reach
from workers.commands.acting import By, Reason
from workers.commands.books import Json
from workers.commands.say import as_json, line, table
from workers.leave import Refused

app = typer.Typer(help="Incidents, and what people do to them.", no_args_is_help=True)

StageOption = Annotated[Stage | None, typer.Option("--stage", help="Only at this stage.")]
ClientOption = Annotated[str | None, typer.Option("--client", help="Only of this client.")]
OutcomeOption = Annotated[
    Outcome | None, typer.Option("--outcome", help="Only those that have ended so.")
]
Limit = Annotated[int, typer.Option("--limit", help="At most so many.", min=1)]
After = Annotated[
    str | None, typer.Option("--after", help="Go on after this incident, the last of a list.")
]


@app.command("list")
def list_incidents(
    stage: StageOption = None,
    client: ClientOption = None,
    outcome: OutcomeOption = None,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Open ones, in the order in which to see to them.")
    ] = False,
    after: After = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Incidents, the newest first."""
    if urgent and (outcome or stage is Stage.CLOSED):
        raise typer.BadParameter("--urgent is of open incidents; leave it, or the other, out")
    order = Order.URGENT if urgent else Order.LATEST
    _show(
        Query(stage=stage, client=client, outcome=outcome, order=order, after=after, limit=limit),
        json=json,
    )


@app.command("find")
def find(
    text: Annotated[
        str, typer.Argument(help="Part of an id, a service, a client, a domain; or an address.")
    ],
    stage: StageOption = None,
    after: After = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Incidents by what is known of them, the newest first."""
    if not text.strip():
        raise typer.BadParameter("say what to look for")
    _show(Query(text=text, stage=stage, order=Order.LATEST, after=after, limit=limit), json=json)


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


@app.command("timeline")
def timeline(
    incident: str,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Attempts that went well, too.")
    ] = False,
    before: Annotated[
        str | None, typer.Option(help="Only what was before, 2026-11-24T14:30+01:00.")
    ] = None,
    json: Json = False,
) -> None:
    """Everything that happened to an incident, the latest first."""
    told = asyncio.run(_timeline(incident, attempts, None if before is None else _moment(before)))
    if json:
        as_json(told)
        return
    table(
        ("When (UTC)", "Kind", "What", "By", "Details"),
        [
            (
                f"{moment.at:%Y-%m-%d %H:%M:%S}",
                moment.kind,
                f"{moment.what} (failed)" if moment.failed else moment.what,
                moment.by,
                " - ".join(" ".join(each.split()) for each in moment.details),
            )
            for moment in told.moments
        ],
    )
    if told.older is not None:
        line(f"older: --before {told.older.isoformat()}")


for _name, _act in (
    ("acknowledge", incident_acts.acknowledge),
    ("extend", incident_acts.extend),
    ("shorten", incident_acts.shorten),
    ("escalate", incident_acts.escalate),
    ("fixed", incident_acts.fixed),
    ("contest", incident_acts.contest),
    ("kept-mail", incident_acts.kept_mail),
    ("release", incident_acts.release),
    ("waive", incident_acts.waive),
    ("false-positive", incident_acts.false_positive),
    ("call", incident_acts.call),
    ("close", incident_acts.close),
):
    app.command(_name)(_act)


@app.command("revoke-links")
def revoke_links(incident: str, reason: Reason, by: By) -> None:
    """Have every portal link that was sent open nothing; the next letter carries a new one."""
    asyncio.run(_revoke(incident, reason, by))
    line(f"{incident}: every link to the portal that was sent is revoked")


async def _revoke(incident: str, reason: str, by: str) -> None:
    async with reach.book() as pool, transaction(pool) as connection:
        try:
            await links.revoke(connection, incident, by, reason)
        except (LookupError, ValueError) as error:
            raise Refused(str(error)) from error


def rows_of(rows: Sequence[IncidentRow]) -> None:
    """A table of incidents."""
    table(
        ("Incident", "Client", "Stage", "Outcome", "Deadline (UTC)", "Measure", "Reports", "Tasks"),
        [
            (
                row.incident,
                row.client,
                row.stage,
                row.outcome,
                f"{row.deadline:%Y-%m-%d %H:%M}" if row.deadline else None,
                row.measure,
                row.reports,
                row.tasks or None,
            )
            for row in rows
        ],
    )


def _show(query: Query, *, json: bool) -> None:
    found = asyncio.run(_find(query))
    if json:
        as_json(found.rows)
        return
    rows_of(found.rows)
    if found.after is not None:
        line(f"more: --after {found.after}")


async def _find(query: Query) -> Worklist:
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            if query.after is not None:
                await parties(connection, query.after)
        except LookupError as error:
            raise Refused(f"--after: {error}") from error
        return await worklist.find(connection, query)


async def _page(incident: str) -> IncidentPage:
    async with reach.book() as pool, pool.acquire() as connection:
        try:
            return await pages.incident_page(connection, incident, "", ())
        except LookupError as error:
            raise Refused(str(error)) from error


async def _timeline(incident: str, attempts: bool, before: datetime | None) -> Timeline:
    async with reach.book() as pool, pool.acquire() as connection:
        entries = await audit.chain(connection, incident)
        if not entries:  # each incident is opened with one
            raise Refused(f"there is no incident {incident}; `plazo incident list` shows them")
        return await stories.timeline(
            connection, incident, entries, attempts=attempts, before=before
        )


def _moment(given: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise typer.BadParameter(
            f'"{given}" is not a moment with its offset; write it as 2026-11-24T14:30+01:00'
        )
    return found


def _by(who: str | None) -> str:
    return f" (by {who})" if who and who != "plazo" else ""
