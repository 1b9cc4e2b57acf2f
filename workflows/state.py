"""What an incident remembers. It is all that goes on when the workflow continues as new."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.acts import Fixed
from domain.incident import Outcome, Stage
from domain.ladder import Plan
from domain.measures import Restriction
from domain.news import News
from domain.steps import Decision


@dataclass(kw_only=True)
class InForce:
    """A measure that was asked for and is not lifted."""

    key: str
    restriction: Restriction


@dataclass(kw_only=True)
class Ending:
    """A person's word that ends the incident from wherever it stands."""

    outcome: Outcome
    by: str
    reason: str


@dataclass(kw_only=True)
class State:
    """The memory of one incident: ids and decisions, never mail."""

    stage: Stage = Stage.OPEN
    outcome: Outcome | None = None
    plan: Plan | None = None
    deadline: datetime | None = None
    reminders: tuple[datetime, ...] = ()
    deadline_moved: bool = False
    """A moved deadline that the client has not been told yet."""
    deadline_seconds: int = 0
    """Its span in the contract's calendar; 0 where it is not known, or there is none."""
    told_by: str | None = None
    """The letter that began the wait, by its key."""
    told_at: datetime | None = None
    """When a person reached the client."""
    untold: bool = False
    """Nobody could receive the first letter, and so the wait has not begun."""
    bounces_seen: tuple[str, ...] = ()
    tasks_heard: int = 0
    """Tasks with an outcome that the story has taken up."""
    channels: int = 0
    domain: str | None = None
    confirm_seconds: int = 300
    verify_seconds: int = 900
    look_again_seconds: int = 3_600
    acknowledged: bool = False
    fixed: Fixed | None = None
    fixed_at: datetime | None = None
    """Since when no offending mail may be sent."""
    released_by_hand: bool = False
    lifting: bool = False
    """Verified or released: what was in force is being lifted."""
    escalation: str | None = None
    ending: Ending | None = None
    setting_right: bool = False
    measure: InForce | None = None
    """The measure that took hold last."""
    asked: tuple[InForce, ...] = ()
    """Every measure that was asked for and not lifted, confirmed or not."""
    measures_asked: int = 0
    last_restriction: Restriction | None = None
    """What a relapse restores."""
    out_of_reach: tuple[str, ...] = ()
    """Targets that the measure in force could not be widened to."""
    last_lifted: Restriction | None = None
    """What the letters after a release speak of."""
    listed_before: tuple[str, ...] = ()
    """Listings that are no news: known when the incident was assessed, or since."""
    listings: tuple[str, ...] = ()
    """Every `address zone` that was on record at any time."""
    delisting_asked: tuple[str, ...] = ()
    """Listings whose removal was requested in this round, or a person was asked to request."""
    delisting_filed: dict[str, datetime] = field(default_factory=dict)
    """Those of them that the list itself was asked for, and when."""
    delisting_round: int = 0
    """0 after the first release, one more after each relapse: what was asked for before it is asked
    for anew."""
    expiring_since: dict[str, datetime] = field(default_factory=dict)
    """Listings that go by themselves, and since when that is waited for."""
    billed_listed: bool = False
    """Whether the last bill already knew of a listing."""
    restricted_at: datetime | None = None
    """Since when the client has no more time; None before."""
    chased: int = 0
    notices: int = 0
    tasks: int = 0
    relapses: int = 0
    probation_until: datetime | None = None
    looks: int = 0
    """At the blocklists, since the release; each is further from the last."""
    news: News = field(default_factory=lambda: News(revision=0))
    decisions: tuple[Decision, ...] = ()
    """Those that no step has carried to the audit chain yet."""
    decided: int = 0
    views: int = 0


@dataclass(frozen=True, kw_only=True)
class Case:
    """What an incident starts with, and goes on with."""

    incident: str
    service: str
    client: str
    state: State = field(default_factory=State)


@dataclass(frozen=True, kw_only=True)
class Closed:
    """What an incident returns."""

    incident: str
    outcome: Outcome
    relapses: int
