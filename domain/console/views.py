"""What the desk's pages show beside one incident's record: work lists, clients, pictures.

Datetimes are aware. A template gets one of the pages as `page`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.console.desk import Person
from domain.console.pages import IncidentPage, IncidentRow, TaskRow
from domain.console.timeline import Timeline
from domain.hosts import HeldMessage
from domain.incident import Act, Outcome, Stage
from domain.ladder import Condition
from domain.tasks import Task


class Order(StrEnum):
    """How a list of incidents goes on."""

    URGENT = "urgent"
    """Open ones only: what waits for a person, then by deadline, then by age."""
    LATEST = "latest"


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which incidents. `text` is looked for in names, domains and addresses."""

    text: str = ""
    stage: Stage | None = None
    outcome: Outcome | None = None
    client: str | None = None
    order: Order = Order.URGENT
    after: str | None = None
    """The incident that the list goes on after."""
    limit: int = 50


@dataclass(frozen=True, kw_only=True)
class Worklist:
    """Some incidents in order. `after` is where the list goes on, None at its end."""

    rows: tuple[IncidentRow, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True)
class FrontPage:
    """`front.html`: what is to be done, and the incidents that a query finds."""

    provider: str
    person: Person
    csrf: str
    now: datetime
    zone: str = "UTC"
    query: Query
    found: Worklist
    stages: dict[Stage, int]
    """How many open incidents are at each stage; stages without any are left out."""
    tasks: tuple[TaskRow, ...]
    """Those of no incident, such as reports that could not be placed; an incident's are with it."""


@dataclass(frozen=True, kw_only=True)
class ClientRow:
    """One direct client in a list."""

    client: str
    name: str
    kind: str
    open: int
    counted: int
    """Incidents that the ladder counts today."""
    last_opened_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ClientsPage:
    """`clients.html`: direct clients, those with open incidents first."""

    provider: str
    person: Person
    csrf: str
    text: str
    clients: tuple[ClientRow, ...]


@dataclass(frozen=True, kw_only=True)
class LadderPlace:
    """Where a client stands on the ladder: what its next incident would be, and why."""

    rung: int
    counted: tuple[str, ...]
    """The incidents that count, the latest first."""
    until: datetime | None
    """When the oldest of them no longer counts; None where none does."""
    window_months: int


@dataclass(frozen=True, kw_only=True)
class ServiceRow:
    """One service of a client."""

    service: str
    kind: str
    host: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ContractRow:
    """One contract of a client and when it is in force."""

    contract: str
    clause: str
    measures: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class ClientPage:
    """`client.html`: one direct client with its history."""

    provider: str
    person: Person
    csrf: str
    now: datetime
    zone: str = "UTC"
    client: str
    name: str
    kind: str
    language: str
    contacts: tuple[str, ...]
    phone: str | None
    ladder: LadderPlace | None
    """None without a contract in force: nothing can be counted."""
    services: tuple[ServiceRow, ...]
    contracts: tuple[ContractRow, ...]
    incidents: tuple[IncidentRow, ...]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Something that was so from `begin` until `end`; None: it still is."""

    label: str
    begin: datetime
    end: datetime | None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One incident over time, as far as it can be drawn."""

    begin: datetime
    end: datetime
    step: int
    """Seconds of one bar."""
    messages: tuple[int, ...]
    """Messages counted by reports, by when they were sent, one number a bar from `begin`."""
    held: tuple[int, ...]
    """Messages in hold at the end of each bar's time."""
    deadline: datetime | None
    measures: tuple[Span, ...]
    listings: tuple[tuple[str, tuple[Span, ...]], ...]
    """By `address zone`: the times in which it was listed."""


@dataclass(frozen=True, kw_only=True)
class StoryPage:
    """`incident.html`: one incident as a picture, a story, and what may be done to it now."""

    provider: str
    person: Person
    csrf: str
    zone: str
    now: datetime
    facts: IncidentPage
    acts: tuple[Act, ...]
    """Those that the person may do now."""
    may_revoke: bool
    """Whether the person may have the client's links open nothing any more."""
    picture: Picture | None
    timeline: Timeline
    attempts: bool
    """Whether attempts that went well are shown too."""
    entries: int
    """How many the audit chain has."""


@dataclass(frozen=True, kw_only=True)
class RevokePage:
    """`revoke.html`: what revoking the links to an incident's portal will do, before it is done."""

    provider: str
    person: Person
    csrf: str
    incident: str
    reason: str = ""
    said: str = ""
    """Why it was not done."""
    zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class ActPage:
    """`act.html`: what an act will do, before it is done."""

    provider: str
    person: Person
    csrf: str
    incident: str
    zone: str
    act: Act
    stage: Stage
    allowed: bool
    """Whether the stage admits it now."""
    seen: int
    """The last entry of the incident's record when the page was written."""
    will: tuple[str, ...]
    """What will happen, one sentence each; empty until the form was filled in."""
    given: dict[str, tuple[str, ...]]
    """What was filled in."""
    once: str
    """Makes the act one act, however often the button is pressed."""
    said: str = ""
    """Why it cannot be done so."""
    meanwhile: tuple[str, ...] = ()
    """What has been decided since the page was written that the person saw."""
    charges: tuple[tuple[str, str], ...] = ()
    """Key and words of each charge that something is left of."""
    held: tuple[HeldMessage, ...] = ()
    held_total: int = 0
    conditions: tuple[Condition, ...] = ()
    deadline: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TasksPage:
    """`tasks.html`: what waits for a person, the most urgent first."""

    provider: str
    person: Person
    csrf: str
    now: datetime
    zone: str = "UTC"
    mine: bool
    tasks: tuple[Task, ...]
    may_act: bool


@dataclass(frozen=True, kw_only=True)
class TaskPage:
    """`task.html`: one task, and the form to see to it."""

    provider: str
    person: Person
    csrf: str
    now: datetime
    zone: str = "UTC"
    task: Task
    may_act: bool
    said: str = ""
