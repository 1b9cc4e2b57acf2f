"""A closer look: a letter as it was sent, a report, a chain entry by entry, an address on lists."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from book.blocklists import periods, snds
from book.blocklists.periods import Period
from book.console import letters
from book.console.desk import CHAIN
from book.incident import audit
from book.incident.chain_rows import chain_row
from book.intake import reported
from domain.console.desk import Right
from domain.console.looks import (
    ChainPage,
    LetterPage,
    LinkRow,
    ListingsPage,
    ReportFacts,
    ReportPage,
)
from domain.console.views import Span
from domain.intake.complaints import canonical_address, canonical_domain
from domain.letters.links import without_links
from gateway.desk.incident import plain
from gateway.desk.pages import shown
from gateway.desk.sessions import SignedIn
from gateway.gateway import TheGateway
from gateway.problems import Problem

_ANSWERS: dict[int | str, dict[str, Any]] = {404: {"description": "There is none of this name."}}
router = APIRouter(tags=["desk"], default_response_class=HTMLResponse, responses=_ANSWERS)

_A_PAGE = 200
"""Entries of a chain."""

Key = Annotated[str, Query(max_length=400)]


@router.get("/letter", summary="A letter as it was sent, its delivery, and what came back")
async def letter(request: Request, gateway: TheGateway, session: SignedIn, key: Key) -> Response:
    async with gateway.reading() as connection:
        try:
            found = await letters.letter(connection, _name(key))
        except LookupError as error:
            raise _none("letter", key) from error
    if not session.person.may(Right.ACT):
        # Who has the client's link can act for the client; answers quote it.
        answers = (replace(each, said=without_links(each.said)) for each in found.answers)
        found = replace(found, text=without_links(found.text), answers=tuple(answers))
    page = LetterPage(
        provider=gateway.provider, person=session.person, csrf=session.csrf, letter=found
    )
    return shown(request, "letter.html", page)


@router.get("/report", summary="One report, with the redacted headers of its message")
async def report(request: Request, gateway: TheGateway, session: SignedIn, id: Key) -> Response:
    async with gateway.reading() as connection:
        try:
            found = await reported.one(connection, _name(id))
        except LookupError as error:
            raise _none("report", id) from error
    page = ReportPage(
        provider=gateway.provider,
        person=session.person,
        csrf=session.csrf,
        report=ReportFacts(**vars(found)),
    )
    return shown(request, "report.html", page)


@router.get("/chain/{chain}", summary="An audit chain, entry by entry")
async def chain(
    request: Request,
    gateway: TheGateway,
    session: SignedIn,
    chain: str,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    name = plain(chain)
    # Not within another transaction: it reads chain and head in a snapshot of its own.
    async with gateway.reading() as connection:
        found = await audit.checked(connection, name)
    if not found.entries and found.found is None:
        raise _none("chain", chain)
    rows = [entry for entry in found.entries if entry.seq > after]
    page = ChainPage(
        provider=gateway.provider,
        person=session.person,
        csrf=session.csrf,
        chain=name,
        incident=name != CHAIN,
        entries=len(found.entries),
        broken=None if found.found is None else str(found.found),
        rows=tuple(LinkRow(row=chain_row(each), hash=each.hash.hex()) for each in rows[:_A_PAGE]),
        after=rows[_A_PAGE - 1].seq if len(rows) > _A_PAGE else None,
    )
    return shown(request, "chain.html", page)


@router.get("/addresses/{subject}", summary="When an address or a domain was on which list")
async def listings(
    request: Request, gateway: TheGateway, session: SignedIn, subject: str
) -> Response:
    address = canonical_address(subject)
    known = address or canonical_domain(subject)
    if known is None:
        raise _none("address or domain", subject)
    async with gateway.reading() as connection:
        now: datetime = await connection.fetchval("SELECT now()")
        found = await periods.history(connection, known)
        days = await snds.of_address(connection, known) if address else ()
    page = ListingsPage(
        provider=gateway.provider,
        person=session.person,
        csrf=session.csrf,
        subject=known,
        begin=min((each.found_at for each in found), default=now) - timedelta(hours=1),
        end=now,
        listings=_by_list(found),
        rows=tuple(
            (each.zone, each.answer, each.found_at, each.cleared_at, each.incident)
            for each in found
        ),
        days=tuple(map(str, days)),
    )
    return shown(request, "listings.html", page)


def _by_list(found: tuple[Period, ...]) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    ordered = sorted(found, key=lambda each: (each.zone, each.found_at))
    return tuple(
        (zone, tuple(Span(label=zone, begin=p.found_at, end=p.cleared_at) for p in those))
        for zone, those in groupby(ordered, key=lambda each: each.zone)
    )


def _name(key: str) -> str:
    return key if key.isprintable() else ""


def _none(what: str, name: str) -> Problem:
    return Problem(404, f"no-such-{what.split()[0]}", f"There is no {what} {name[:100]!a}.")
