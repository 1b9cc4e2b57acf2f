"""`/v1/incidents`: found, and read with all that happened to them."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.console import pages, pictures, worklist
from book.console.timeline import timeline
from book.incident import audit
from book.incident.chain_rows import chain_row
from book.incident.incidents import parties
from domain.console import views as console
from domain.console.pages import IncidentPage
from domain.console.timeline import Timeline
from domain.console.views import Order, Span, Worklist
from domain.incident import Outcome, Stage
from domain.record import Entry
from gateway.api import examples
from gateway.api.answers import LONGEST_TEXT, MOST, asked, more, single, told, unknown_cursor
from gateway.api.documents import ALWAYS, gives, problems
from gateway.api.who import Reader
from gateway.desk.incident import links_of, no_such, plain
from gateway.gateway import TheGateway
from gateway.problems import Problem

router = APIRouter(prefix="/v1/incidents", tags=["incidents"], responses=ALWAYS)

UNKNOWN = problems(404)
Name = Annotated[str, Path(max_length=LONGEST_TEXT, examples=[examples.INCIDENT])]


@dataclass(frozen=True, kw_only=True)
class RecordEntry:
    """One entry of the audit chain: in words, and as it was hashed (`plazo audit export`)."""

    seq: int
    at: datetime
    source: str
    what: str
    reasons: tuple[str, ...]
    by: str | None
    failed: bool
    attempt: bool
    body: str
    """The JSON text that the hash covers."""
    previous: str
    hash: str
    """SHA-256, both in hexadecimal."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An address on a list: the times in which it was there."""

    cell: str
    """`ADDRESS ZONE`."""
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Record:
    """Some of an incident's audit chain, the oldest entry first."""

    incident: str
    entries: int
    """How many it has."""
    broken: str | None
    """The first entry that is not as it was appended; None when the whole chain verifies."""
    rows: tuple[RecordEntry, ...]
    after: int | None
    """Ask for those after this entry; None at the end."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One incident over time, as the console draws it."""

    begin: datetime
    end: datetime
    step: int
    """Seconds of one bar."""
    messages: tuple[int, ...]
    """Counted by reports, by when they were sent, one number a bar from `begin`."""
    held: tuple[int, ...]
    """In hold at the end of each bar's time."""
    deadline: datetime | None
    measures: tuple[Span, ...]
    listings: tuple[Listed, ...]


@router.get(
    "",
    summary="Incidents that a query finds",
    description="The latest first, or with `order=urgent` the open ones as the desk sees to them.",
    operation_id="list_incidents",
    responses=gives(Worklist, examples.WORKLIST, "Some incidents, and where the list goes on."),
)
async def listed(
    gateway: TheGateway,
    person: Reader,
    q: Annotated[
        str, Query(max_length=LONGEST_TEXT, description="In names, domains and addresses.")
    ] = "",
    stage: Stage | None = None,
    outcome: Outcome | None = None,
    client: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
    order: Order = Order.LATEST,
    after: Annotated[
        str | None, Query(max_length=LONGEST_TEXT, description="`after` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    query = console.Query(
        text=asked(q),
        stage=stage,
        outcome=outcome,
        client=None if client is None else asked(client),
        # Only open ones are urgent.
        order=Order.LATEST if outcome or stage is Stage.CLOSED else order,
        after=after,
        limit=limit,
    )
    async with gateway.reading() as connection:
        if after is not None:
            try:
                await parties(connection, asked(after))
            except LookupError as error:
                raise unknown_cursor(after) from error
        return told(await worklist.find(connection, query))


@router.get(
    "/{incident}",
    summary="One incident with what is known of it",
    description="The latest 500 rows of each kind, and 50 reports. The client's link is for who "
    "may act.",
    operation_id="read_incident",
    responses={
        **gives(IncidentPage, examples.PAGE, "The incident.", tagged=True),
        **UNKNOWN,
    },
)
async def one(request: Request, gateway: TheGateway, person: Reader, incident: Name) -> Response:
    name = plain(incident)
    async with gateway.reading() as connection:
        try:
            links = await links_of(connection, gateway, name, person)
            page = await pages.incident_page(connection, name, gateway.provider, links)
        except LookupError as error:
            raise no_such(incident) from error
    return single(request, page)


@router.get(
    "/{incident}/timeline",
    summary="Everything that happened, the latest first",
    operation_id="read_timeline",
    responses={
        **gives(
            Timeline, examples.TIMELINE, "About a hundred moments; ask on with `before=` `older`."
        ),
        **UNKNOWN,
    },
)
async def story(
    gateway: TheGateway,
    person: Reader,
    incident: Name,
    attempts: Annotated[bool, Query(description="Those that went well, too.")] = False,
    before: Annotated[datetime | None, Query(description="`older` of the page before.")] = None,
) -> Response:
    if before is not None and before.tzinfo is None:
        raise Problem(422, "invalid-request", "query.before: write it with its UTC offset.")
    async with gateway.reading() as connection:
        entries = await audit.chain(connection, plain(incident))
        if not entries:  # each incident is opened with one
            raise no_such(incident)
        found = await timeline(connection, incident, entries, attempts=attempts, before=before)
    return told(found)


@router.get(
    "/{incident}/record",
    summary="The audit chain, the oldest entry first",
    description="Each entry as it was hashed, so that anybody can recompute the chain.",
    operation_id="read_record",
    responses={**gives(Record, examples.RECORD, "Some of it."), **UNKNOWN},
)
async def record(
    gateway: TheGateway,
    person: Reader,
    incident: Name,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="The last entry known.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    async with gateway.reading() as connection:
        found = await audit.checked(connection, plain(incident))
    if not found.entries:
        raise no_such(incident)
    rest = [entry for entry in found.entries if entry.seq > after][: limit + 1]
    last = more([str(entry.seq) for entry in rest], limit)
    return told(
        Record(
            incident=incident,
            entries=len(found.entries),
            broken=None if found.found is None else str(found.found),
            rows=tuple(map(_row, rest[:limit])),
            after=None if last is None else int(last),
        )
    )


@router.get(
    "/{incident}/picture",
    summary="What is drawn of an incident, as numbers",
    operation_id="read_picture",
    responses={
        **gives(Drawn, examples.PICTURE, "Messages, held mail, measures and listings by time."),
        **UNKNOWN,
    },
)
async def picture(gateway: TheGateway, person: Reader, incident: Name) -> Response:
    async with gateway.reading() as connection:
        found = await pictures.picture(connection, plain(incident))
    if found is None:
        raise no_such(incident)
    return told(
        Drawn(
            begin=found.begin,
            end=found.end,
            step=int(found.step),
            messages=found.messages,
            held=found.held,
            deadline=found.deadline,
            measures=found.measures,
            listings=tuple(Listed(cell=cell, spans=spans) for cell, spans in found.listings),
        )
    )


def _row(entry: Entry) -> RecordEntry:
    row = chain_row(entry)
    same = {each.name: getattr(row, each.name) for each in fields(row)}
    return RecordEntry(
        **same, body=entry.body, previous=entry.previous.hex(), hash=entry.hash.hex()
    )
