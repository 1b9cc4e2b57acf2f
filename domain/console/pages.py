"""What the console's pages about one incident show: plain fields, read from the book of record.

A template gets one of these as `page` and nothing else. Datetimes are aware; `zone` is the IANA
name that they are shown in.
"""

from dataclasses import dataclass
from datetime import datetime

from domain.incident import Act, Stage
from domain.ladder import Condition
from domain.letters.notices import ChargeLine
from domain.measures import Restriction


@dataclass(frozen=True, kw_only=True)
class ProblemPage:
    """`problem.html`: a refusal or an error, with the words of the RFC 9457 problem."""

    provider: str
    status: int
    title: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class IncidentRow:
    """One line of the console's tables."""

    incident: str
    client: str
    service: str
    stage: Stage
    outcome: str | None = None
    opened_at: datetime
    closed_at: datetime | None = None
    deadline: datetime | None = None
    measure: str | None = None
    reports: int = 0
    volume: int = 0
    listed: int = 0
    """Listings that stand now."""
    acknowledged: bool = False
    tasks: int = 0
    """Tasks that wait for a person."""


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """Something that waits for a person, or what came of it."""

    kind: str
    detail: str
    opened_at: datetime
    incident: str | None = None
    done_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """One report. `unplaced` says why no incident could be found or opened for it."""

    report: str
    reporter: str
    received_at: datetime
    format: str
    address: str | None = None
    domain: str | None = None
    volume: int = 1
    unplaced: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChainRow:
    """One entry of the audit chain: a decision, or the start or end of an attempt."""

    seq: int
    at: datetime
    source: str
    what: str
    reasons: tuple[str, ...] = ()
    by: str | None = None
    failed: bool = False
    attempt: bool = False
    """Whether it is the start or the end of an attempt of a step."""


@dataclass(frozen=True, kw_only=True)
class NoticeRow:
    """A letter: written, and handed to the mail server or not yet."""

    key: str
    notice: str
    subject: str
    recipients: tuple[str, ...]
    written_at: datetime
    sent_at: datetime | None = None
    response: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChargeRow:
    """A charge with the sentence that explains it, and who changed it and why."""

    line: ChargeLine
    reason: str
    charged_at: datetime
    state_by: str | None = None
    state_why: str | None = None


@dataclass(frozen=True, kw_only=True)
class MeasureRow:
    """A measure as it is wanted and as its host's agent last saw it."""

    restriction: Restriction
    host: str
    wanted: str
    asked_at: datetime
    observed: str | None = None
    observed_at: datetime | None = None
    detail: str = ""
    held: int = 0
    delivered: int = 0
    discarded: int = 0
    kept: int = 0
    relayed: int = 0


@dataclass(frozen=True, kw_only=True)
class ListingRow:
    """One address on one blocklist."""

    address: str
    zone: str
    answer: str
    found_at: datetime
    cleared_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class IncidentPage:
    """`incident.html`: one incident with its whole record, for operators."""

    provider: str
    incident: str
    now: datetime
    zone: str = "UTC"
    client_id: str
    client: str
    service: str
    service_kind: str
    host: str | None = None
    contract: str
    clause: str
    stage: Stage
    outcome: str | None = None
    opened_at: datetime
    closed_at: datetime | None = None
    deadline: datetime | None = None
    domain: str | None = None
    addresses: tuple[str, ...] = ()
    reports: int = 0
    volume: int = 0
    acknowledged: bool = False
    fixed_at: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    acts: tuple[Act, ...] = ()
    """What may be done now; shown as the commands that do it."""
    chain: tuple[ChainRow, ...] = ()
    """In order of `seq`, the oldest first."""
    chain_break: str | None = None
    """Where the chain is not what was appended; None when it verifies."""
    measures: tuple[MeasureRow, ...] = ()
    notices: tuple[NoticeRow, ...] = ()
    charges: tuple[ChargeRow, ...] = ()
    listings: tuple[ListingRow, ...] = ()
    tasks: tuple[TaskRow, ...] = ()
    latest_reports: tuple[ReportRow, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """`(label, address)`: the client's portal, the workflow in Temporal's UI, and so on."""
