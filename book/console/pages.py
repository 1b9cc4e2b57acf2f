"""What operators look at: every incident in a line, and one of them with its whole record."""

from asyncpg import Connection, Record

from book.incident import audit
from book.incident.chain_rows import chain_row
from book.incident.incidents import parties
from book.incident.measures import restriction_of
from book.letters.notices import line_of, zone_of
from book.money.balances import charges
from domain.console.pages import (
    ChainRow,
    ChargeRow,
    IncidentPage,
    ListingRow,
    MeasureRow,
    NoticeRow,
    ReportRow,
    TaskRow,
)
from domain.incident import Stage, acts_at
from domain.ladder import Condition

MOST_TASKS = 200
MOST_REPORTS = 50
MOST_ROWS = 500
"""Of anything else on one page: the latest."""

_TASK = "SELECT kind, detail, opened_at, incident, done_at, outcome FROM tasks "
_REPORT = (
    "SELECT id AS report, reporter, received_at, format, host(address) AS address, domain, volume,"
    " unplaced FROM reports "
)


async def tasks_of_none(connection: Connection) -> tuple[TaskRow, ...]:
    """What waits for a person and is no incident's, such as reports that could not be placed."""
    return _tasks(
        await connection.fetch(
            _TASK + "WHERE done_at IS NULL AND incident IS NULL ORDER BY opened_at DESC LIMIT $1",
            MOST_TASKS,
        )
    )


async def timeline(connection: Connection, incident: str) -> tuple[ChainRow, ...]:
    """All that is on the incident's audit chain, the oldest first; empty if it has none."""
    return tuple(map(chain_row, await audit.chain(connection, incident)))


async def incident_page(
    connection: Connection,
    incident: str,
    provider: str,
    links: tuple[tuple[str, str], ...],
    record: audit.Checked | None = None,
) -> IncidentPage:
    """One incident with its record, which is read where it is not given.

    Raises LookupError when there is no such incident.
    """
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
    record = record or await audit.checked(connection, incident)

    async def latest(query: str) -> list[Record]:
        rows: list[Record] = await connection.fetch(query, incident, MOST_ROWS)
        return rows[::-1]

    return IncidentPage(
        provider=provider,
        incident=incident,
        now=row["now"],
        zone=zone_of(who.contract),
        client_id=who.client.id,
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
        chain=tuple(map(chain_row, record.entries[-MOST_ROWS:])),
        chain_break=None if record.found is None else str(record.found),
        measures=tuple(
            _measure(each)
            for each in await latest(
                "SELECT * FROM measures WHERE incident = $1 ORDER BY asked_at DESC, key LIMIT $2"
            )
        ),
        notices=tuple(
            NoticeRow(**{**each, "recipients": tuple(each["recipients"])})
            for each in await latest(
                "SELECT key, notice, subject, recipients, written_at, sent_at, response"
                " FROM notices WHERE incident = $1 ORDER BY written_at DESC LIMIT $2"
            )
        ),
        charges=tuple(
            ChargeRow(
                line=line_of(each),
                reason=each.charge.reason,
                charged_at=each.charge.entered_at,
                state_by=each.by,
                state_why=each.why,
            )
            for each in await charges(connection, incident=incident, limit=MOST_ROWS)
        ),
        listings=tuple(
            ListingRow(**each)
            for each in await latest(
                "SELECT subject AS address, zone, answer, found_at, cleared_at FROM listings"
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
