"""What operators look at: every incident in a line, and one of them with its whole record."""

import json
from collections.abc import Mapping
from typing import Any

from asyncpg import Connection, Record

from book import audit
from book.incidents import parties
from book.measures import restriction_of
from book.notices import zone_of
from domain.incident import Stage, acts_at
from domain.ladder import Condition
from domain.money import ChargeKind
from domain.notices import ChargeLine, ChargeState
from domain.pages import (
    ChainRow,
    ChargeRow,
    ConsolePage,
    IncidentPage,
    IncidentRow,
    ListingRow,
    MeasureRow,
    NoticeRow,
    ReportRow,
    TaskRow,
)
from domain.record import Entry
from domain.units import Money

MOST_OPEN = 1_000
MOST_CLOSED = 50
MOST_TASKS = 200
MOST_REPORTS = 50
MOST_ROWS = 500
"""Of anything else on one page: the latest."""

_ROWS = (
    "SELECT i.id AS incident, i.client, i.service, i.stage, i.outcome, i.opened_at, i.closed_at,"
    " i.deadline, i.measure, i.acknowledged, r.*, l.* FROM incidents i,"
    " LATERAL (SELECT count(*) AS reports, coalesce(sum(counted), 0) AS volume FROM reports"
    "   WHERE incident = i.id) AS r,"
    " LATERAL (SELECT count(*) AS listed FROM listings WHERE incident = i.id"
    "   AND cleared_at IS NULL) AS l "
)
_TASK = "SELECT kind, detail, opened_at, incident, done_at, outcome FROM tasks "
_REPORT = (
    "SELECT id AS report, reporter, received_at, format, host(address) AS address, domain, volume,"
    " unplaced FROM reports "
)


async def console_page(connection: Connection, provider: str) -> ConsolePage:
    """Everything that an operator has to look at now; what is due first comes first."""
    return ConsolePage(
        provider=provider,
        now=await connection.fetchval("SELECT now()"),
        open=_incidents(
            await connection.fetch(
                _ROWS + "WHERE stage <> 'closed' ORDER BY deadline NULLS LAST, opened_at LIMIT $1",
                MOST_OPEN,
            )
        ),
        closed=_incidents(
            await connection.fetch(
                _ROWS + "WHERE stage = 'closed' ORDER BY closed_at DESC LIMIT $1", MOST_CLOSED
            )
        ),
        tasks=_tasks(
            await connection.fetch(
                # Strangers can make tasks without an incident; those of one are never crowded out.
                _TASK + "WHERE done_at IS NULL ORDER BY incident IS NULL, opened_at LIMIT $1",
                MOST_TASKS,
            )
        ),
        unplaced=_reports(
            await connection.fetch(
                _REPORT + "WHERE unplaced IS NOT NULL ORDER BY received_at DESC LIMIT $1",
                MOST_REPORTS,
            )
        ),
    )


async def incidents(
    connection: Connection, *, stage: Stage | None, client: str | None, limit: int
) -> tuple[IncidentRow, ...]:
    """The incidents at a stage, or of a client; the latest first."""
    return _incidents(
        await connection.fetch(
            _ROWS + "WHERE ($1::text IS NULL OR stage = $1) AND ($2::text IS NULL OR client = $2)"
            " ORDER BY opened_at DESC, i.id LIMIT $3",
            stage,
            client,
            limit,
        )
    )


async def timeline(connection: Connection, incident: str) -> tuple[ChainRow, ...]:
    """All that is on the incident's audit chain, the oldest first; empty if it has none."""
    return tuple(_chain_row(entry) for entry in await audit.chain(connection, incident))


async def incident_page(
    connection: Connection, incident: str, provider: str, links: tuple[tuple[str, str], ...]
) -> IncidentPage:
    """One incident with its record. Raises LookupError when there is no such incident."""
    who = await parties(connection, incident)
    row = await connection.fetchrow(
        "SELECT i.*, r.*, now() AS now FROM incidents i,"
        " LATERAL (SELECT count(*) AS reports, coalesce(sum(counted), 0) AS volume,"
        "   array_remove(array_agg(DISTINCT host(address)), NULL) AS addresses"
        "   FROM reports WHERE incident = i.id) AS r WHERE i.id = $1",
        incident,
    )
    assert row is not None
    stage = Stage(row["stage"])
    found = await audit.broken(connection, incident)

    async def latest(query: str) -> list[Record]:
        rows: list[Record] = await connection.fetch(query, incident, MOST_ROWS)
        return rows[::-1]

    return IncidentPage(
        provider=provider,
        incident=incident,
        now=row["now"],
        zone=zone_of(who.contract),
        client=who.client.name,
        service=who.service.id,
        service_kind=who.service.kind,
        host=who.service.host,
        contract=who.contract.id,
        clause=who.contract.clause,
        stage=stage,
        outcome=row["outcome"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        deadline=row["deadline"],
        domain=row["domain"],
        addresses=tuple(sorted(row["addresses"] or ())),
        reports=row["reports"],
        volume=row["volume"],
        acknowledged=row["acknowledged"],
        fixed_at=row["fixed_at"],
        conditions=tuple(Condition(condition) for condition in row["conditions"]),
        acts=acts_at(stage),
        chain=(await timeline(connection, incident))[-MOST_ROWS:],
        chain_break=None if found is None else str(found),
        measures=tuple(
            _measure(each)
            for each in await latest(
                "SELECT * FROM measures WHERE incident = $1 ORDER BY asked_at DESC, key LIMIT $2"
            )
        ),
        notices=tuple(
            NoticeRow(**{**each, "recipients": tuple(each["recipients"])})
            for each in await latest(
                "SELECT notice, subject, recipients, written_at, sent_at, response FROM notices"
                " WHERE incident = $1 ORDER BY written_at DESC LIMIT $2"
            )
        ),
        charges=tuple(
            _charge(each)
            for each in await latest(
                "SELECT * FROM charges WHERE incident = $1 ORDER BY charged_at DESC LIMIT $2"
            )
        ),
        listings=tuple(
            ListingRow(**each)
            for each in await latest(
                "SELECT host(address) AS address, zone, answer, found_at, cleared_at FROM listings"
                " WHERE incident = $1 ORDER BY found_at DESC, zone LIMIT $2"
            )
        ),
        tasks=_tasks(await latest(_TASK + "WHERE incident = $1 ORDER BY opened_at DESC LIMIT $2")),
        latest_reports=_reports(
            await connection.fetch(
                _REPORT + "WHERE incident = $1 ORDER BY received_at DESC LIMIT $2",
                incident,
                MOST_REPORTS,
            )
        ),
        links=links,
    )


def _incidents(rows: list[Record]) -> tuple[IncidentRow, ...]:
    return tuple(IncidentRow(**{**row, "stage": Stage(row["stage"])}) for row in rows)


def _tasks(rows: list[Record]) -> tuple[TaskRow, ...]:
    return tuple(TaskRow(**row) for row in rows)


def _reports(rows: list[Record]) -> tuple[ReportRow, ...]:
    return tuple(ReportRow(**row) for row in rows)


def _measure(row: Record) -> MeasureRow:
    same = (
        "host", "wanted", "asked_at", "observed", "observed_at", "detail",
        "held", "delivered", "discarded", "kept", "relayed",
    )  # fmt: skip
    return MeasureRow(restriction=restriction_of(row), **{name: row[name] for name in same})


def _charge(row: Record) -> ChargeRow:
    line = ChargeLine(
        kind=ChargeKind(row["kind"]),
        amount=Money(row["minor"], row["currency"]),
        state=ChargeState(row["state"]),
    )
    same = ("reason", "charged_at", "state_by", "state_why")
    return ChargeRow(line=line, **{name: row[name] for name in same})


def _chain_row(entry: Entry) -> ChainRow:
    try:
        what, reasons, by, failed = _told(json.loads(entry.body))
    except (ValueError, KeyError, TypeError, AttributeError):
        # Somebody has tampered with it: the break is told above, and the rest is still shown.
        what, reasons, by, failed = "cannot be read", (), None, True
    return ChainRow(
        seq=entry.seq,
        at=entry.at,
        source=entry.source,
        what=what,
        reasons=reasons,
        by=by,
        failed=failed,
    )


def _told(body: Mapping[str, Any]) -> tuple[str, tuple[str, ...], str | None, bool]:
    """What an entry says, why, by whom if it was a person, and whether it is a failure."""
    match body["kind"]:
        case "decision":
            by = body["by"] if body["by"] != "plazo" else None
            return body["what"], tuple(body["reasons"]), by, False
        case "attempt":
            came_of_it = body.get("outcome", body["phase"])
            reasons = (f"attempt {body['attempt']}",) if body["attempt"] > 1 else ()
            if "error" in body:
                reasons += (body["error"],)
            return f"{body['step']}: {came_of_it}", reasons, None, came_of_it == "failed"
        case kind:
            rest = sorted(body.items())
            return kind, tuple(f"{name}: {it}" for name, it in rest if name != "kind"), None, False
