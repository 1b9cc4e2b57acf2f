"""`GET /v1/reports`: what is on record of a report, and what it came as.

They are posted to `gateway/reports.py`.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from book.intake import reported
from book.intake.reported import Reported
from gateway.api import examples
from gateway.api.answers import (
    LONGEST_KEY,
    LONGEST_TEXT,
    MOST,
    asked,
    more,
    single,
    told,
    unknown_cursor,
)
from gateway.api.documents import ALWAYS, gives, problems
from gateway.api.who import Actor, Reader
from gateway.gateway import TheGateway
from gateway.problems import Problem

router = APIRouter(prefix="/v1/reports", tags=["reports"], responses=ALWAYS)

Key = Annotated[
    str,
    Path(
        max_length=LONGEST_KEY,
        description="REPORTER/ID/NUMBER, percent-encoded.",
        examples=[examples.REPORT.report],
    ),
]
_UNKNOWN = problems(404)
_JSON = frozenset({"application/json", "application/xarf+json"})
_TYPES = _JSON | {"message/rfc822"}
_ANYTHING = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Some reports, and where the list goes on."""

    rows: tuple[Reported, ...]
    after: str | None


@router.get(
    "",
    summary="An incident's reports, or those of none; the latest mail first",
    operation_id="list_reports",
    responses=gives(Reports, Reports(rows=(examples.REPORT,), after=None), "Some reports."),
)
async def listed(
    gateway: TheGateway,
    person: Reader,
    incident: Annotated[
        str | None, Query(max_length=LONGEST_TEXT, description="Those of none if not given.")
    ] = None,
    after: Annotated[str | None, Query(max_length=LONGEST_KEY)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    async with gateway.reading() as connection:
        if after is not None:
            try:
                await reported.one(connection, asked(after))
            except LookupError as error:
                raise unknown_cursor(after) from error
        rows = await reported.find(
            connection,
            asked(incident) if incident else None,
            after=None if after is None else asked(after),
            limit=limit + 1,
        )
    return told(Reports(rows=rows[:limit], after=more([row.report for row in rows], limit)))


@router.get(
    "/{report:path}/evidence",
    summary="What a report came as, byte for byte",
    description="Needs the scope `act`: it is not redacted. Mail is `message/rfc822`.",
    operation_id="read_evidence",
    response_class=Response,
    responses={
        200: {
            "description": "The evidence.",
            "content": {
                "message/rfc822": {"schema": {"type": "string"}},
                **{name: {"schema": {}} for name in sorted(_JSON)},
                _ANYTHING: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        **_UNKNOWN,
    },
)
async def evidence(gateway: TheGateway, person: Actor, report: Key) -> Response:
    async with gateway.reading() as connection:
        try:
            content, said = await reported.evidence_of(
                connection, report if report.isprintable() else ""
            )
        except LookupError as error:
            raise _no_such(report) from error
    media = said.partition(";")[0].strip().lower()
    # Nothing that a browser would show, whatever its sender called it.
    return Response(
        content,
        media_type=media if media in _TYPES else _ANYTHING,
        headers={"Content-Disposition": "attachment"},
    )


# After the other, for it takes every path.
@router.get(
    "/{report:path}",
    summary="What is on record of one report",
    operation_id="read_report",
    responses={**gives(Reported, examples.REPORT, "The report.", tagged=True), **_UNKNOWN},
)
async def one(request: Request, gateway: TheGateway, person: Reader, report: Key) -> Response:
    async with gateway.reading() as connection:
        try:
            found = await reported.one(connection, report if report.isprintable() else "")
        except LookupError as error:
            raise _no_such(report) from error
    return single(request, found)


def _no_such(report: str) -> Problem:
    return Problem(404, "no-such-report", f"There is no report {report[:100]!a}.")
