"""Everything that happened to one incident, in the order in which it happened."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from asyncpg import Connection, Record

from book.incident.chain_rows import chain_row
from domain.console.timeline import Kind, Moment, Timeline
from domain.record import Entry

PAGE = 100
"""Moments on one page."""

_REPORTS = (
    "SELECT min(received_at) AS first, max(received_at) AS last, count(*) AS reports,"
    " sum(counted) AS messages, array_agg(DISTINCT reporter) AS reporters,"
    " array_remove(array_agg(DISTINCT host(address)), NULL) AS addresses FROM reports"
    " WHERE incident = $1 GROUP BY date_trunc('minute', received_at)"
)
_NOTICES = (
    "SELECT coalesce(sent_at, written_at) AS at, 'notice' AS kind,"
    " replace(notice, '_', ' ') || ': ' || subject AS what,"
    " array_remove(recipients || coalesce(response, 'not handed over yet'), NULL) AS details"
    " FROM notices WHERE incident = $1"
)
_MEASURES = (
    "SELECT asked_at, 'measure', measure || ' asked of ' || host, targets FROM measures"
    " WHERE incident = $1"
    " UNION ALL SELECT observed_at, 'measure', measure || ' seen ' || observed || ' on ' || host,"
    " ARRAY[detail] FROM measures WHERE incident = $1 AND observed IS NOT NULL"
)
_LISTINGS = (
    "SELECT found_at, 'listing', host(address) || ' listed by ' || zone, ARRAY[answer]"
    " FROM listings WHERE incident = $1"
    " UNION ALL SELECT cleared_at, 'listing', host(address) || ' off ' || zone, '{}'"
    " FROM listings WHERE incident = $1 AND cleared_at IS NOT NULL"
)
_TASKS = (
    "SELECT opened_at, 'task', 'asked of a person: ' || replace(kind, '_', ' '), ARRAY[detail]"
    " FROM tasks WHERE incident = $1"
    " UNION ALL SELECT done_at, 'task', 'done: ' || replace(kind, '_', ' '),"
    " array_remove(ARRAY[outcome], NULL) FROM tasks WHERE incident = $1 AND done_at IS NOT NULL"
)
_MONEY = (
    "SELECT entered_at, 'money', entry || ' ' || kind || ' ' || amount || ' ' || currency,"
    " ARRAY[reason, 'clause ' || clause] FROM ledger WHERE incident = $1"
)
_REST = " UNION ALL ".join((_NOTICES, _MEASURES, _LISTINGS, _TASKS, _MONEY))


async def timeline(
    connection: Connection,
    incident: str,
    chain: Sequence[Entry],
    *,
    attempts: bool = False,
    before: datetime | None = None,
) -> Timeline:
    """A page of moments, the latest first; those before a moment where one is given.

    `chain` is the incident's whole audit chain. Attempts that went well are shown if asked for:
    most say no more than the decision that they carried out.
    """
    rows = await connection.fetch(_REST, incident)
    moments: list[Moment | Entry] = [
        Moment(
            at=row["at"],
            kind=Kind(row["kind"]),
            what=row["what"],
            details=tuple(filter(None, row["details"])),
        )
        for row in rows
    ]
    moments += [entry for entry in chain if attempts or _tells(entry.body)]
    moments.sort(key=lambda moment: moment.at)
    moments = _with_reports(moments, await connection.fetch(_REPORTS, incident))
    if before is not None:
        moments = [moment for moment in moments if moment.at < before]
    shown = moments[-PAGE:]
    # Those of one moment stay together: the next page begins before it.
    while len(shown) < len(moments) and moments[-len(shown) - 1].at == shown[0].at:
        shown.insert(0, moments[-len(shown) - 1])
    older = shown[0].at if len(shown) < len(moments) else None
    # Entries of the chain are read only where they are shown.
    told = tuple(_of_the_chain(each) if isinstance(each, Entry) else each for each in shown)
    return Timeline(moments=told[::-1], total=len(moments), older=older)


def _with_reports(moments: list[Moment | Entry], minutes: Sequence[Record]) -> list[Moment | Entry]:
    """The moments with what was reported between each two of them: a storm is one line."""
    between: dict[int, list[Record]] = {}
    for minute in sorted(minutes, key=lambda minute: minute["last"]):
        place = bisect_right(moments, minute["last"], key=lambda moment: moment.at)
        between.setdefault(place, []).append(minute)
    found: list[Moment | Entry] = []
    for place in range(len(moments) + 1):
        if place in between:
            found.append(_reported(between[place]))
        found += moments[place : place + 1]
    return found


def _reported(minutes: Sequence[Record]) -> Moment:
    reports = sum(minute["reports"] for minute in minutes)
    messages = sum(minute["messages"] for minute in minutes)
    first, last = min(each["first"] for each in minutes), minutes[-1]["last"]
    since = f"since {first:%Y-%m-%d %H:%M} UTC" if last - first > timedelta(minutes=1) else ""
    reporters = sorted({name for minute in minutes for name in minute["reporters"]})
    addresses = sorted({name for minute in minutes for name in minute["addresses"]})
    return Moment(
        at=last,
        kind=Kind.REPORT,
        what=f"{reports:,} {'report' if reports == 1 else 'reports'} of {messages:,} messages",
        details=tuple(filter(None, (since, _some("from", reporters), _some("about", addresses)))),
    )


def _some(word: str, names: Sequence[str]) -> str:
    rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{word} {', '.join(names[:5])}{rest}" if names else ""


def _tells(body: str) -> bool:
    """Whether it is more than an attempt that began, or went well; what is unclear always is."""
    return '"phase":' not in body or '"outcome":"failed"' in body


def _of_the_chain(appended: Entry) -> Moment:
    entry = chain_row(appended)
    return Moment(
        at=entry.at,
        kind=Kind.ATTEMPT if entry.attempt else Kind.DECISION,
        what=entry.what,
        details=entry.reasons,
        by=entry.by,
        failed=entry.failed,
        entry=entry.seq,
    )
