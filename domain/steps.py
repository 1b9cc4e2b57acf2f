"""What goes into and comes out of each step of an incident: one dataclass each, so it can grow.

Steps are carried out by `activities/` and called by `workflows/`; both know them by these types.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.incident import Outcome
from domain.ladder import Plan, Term
from domain.letters.notices import Notice
from domain.measures import Restriction
from domain.money.costs import ChargeKind, Settlement
from domain.units import Money


@dataclass(frozen=True, kw_only=True)
class Assess:
    """Gather the facts of an incident and decide its course."""

    incident: str


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The plan, decided once and kept: later changes of the rules do not reach back."""

    plan: Plan
    listed: tuple[str, ...]
    domain: str | None
    confirm_seconds: int
    """How long an agent has to report that a measure took hold."""
    verify_seconds: int
    """How long no offending mail may be seen after the client has said that it is fixed."""
    look_again_seconds: int = 3_600
    """Until a blocklist is asked again for the first time; then twice as long each time."""
    deadline_seconds: int = 0
    """The span of the wait, in the contract's calendar, to reckon it from another moment."""
    channels: int = 0
    """Where the client also gets notices, beside mail."""


@dataclass(frozen=True, kw_only=True)
class Impose:
    """Write the desired state of one measure, replacing others in the same transaction."""

    incident: str
    key: str
    restriction: Restriction
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Imposed:
    """Whether a host was found that can be asked; if not, why."""

    accepted: bool
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Lift:
    """End measures, saying what becomes of the mail that they held."""

    incident: str
    keys: tuple[str, ...]
    discard_senders: tuple[str, ...] = ()
    discard_messages: tuple[str, ...] = ()
    keep_offenders: bool = True
    """Keep the offending senders' messages held, because nobody has answered for them."""


@dataclass(frozen=True, kw_only=True)
class SendNotice:
    """Write to the direct client. The key makes the Message-ID, so a retry is the same mail."""

    incident: str
    key: str
    notice: Notice
    deadline: datetime | None = None
    reasons: tuple[str, ...] = ()
    measure: Restriction | None = None
    upcoming: Restriction | None = None


@dataclass(frozen=True, kw_only=True)
class NoticeSent:
    """What the mail server accepted."""

    message_id: str
    recipients: int
    contact: str = ""
    """Who it went to: the first contact that could be reached."""


@dataclass(frozen=True, kw_only=True)
class SendToChannels:
    """Tell the client's other channels of a notice that has been written, by its key."""

    incident: str
    key: str


@dataclass(frozen=True, kw_only=True)
class ChannelsTold:
    """How many channels have taken it."""

    told: int


class TaskKind(StrEnum):
    """What only a person can do."""

    CALL_CLIENT = "call_client"
    NO_MEASURE_TOOK_HOLD = "no_measure_took_hold"
    RELEASE_UNCONFIRMED = "release_unconfirmed"
    DECIDE_ON_SERVICE = "decide_on_service"
    REQUEST_DELISTING = "request_delisting"
    NOTICE_UNDELIVERABLE = "notice_undeliverable"
    """No contact can be reached by mail: tell the client by other means."""
    NOTICE_BOUNCED = "notice_bounced"
    """One contact's address does not work; the next one was written to."""
    CLIENT_WROTE = "client_wrote"
    """An answer to a letter, for a person to read: no program says what it means."""
    CLIENT_CONTESTS = "client_contests"
    """The client says that there is no spam, or that it is not theirs."""
    CHANNEL_FAILED = "channel_failed"
    BILLING_REFUSED = "billing_refused"
    """Where the client is billed, a charge is not taken before something has been put right."""
    BILLING_DIFFERS = "billing_differs"
    """What the client is billed there is not what the ledger says."""
    USAGE_DIFFERS = "usage_differs"
    """The smarthost and the host's own log have counted a day's mail differently, or only one."""
    NEAR_CAP = "near_cap"
    """What an incident costs comes near a cap of its contract: decide before it is passed."""


@dataclass(frozen=True, kw_only=True)
class Remind:
    """Write to the desk about tasks that are due."""


@dataclass(frozen=True, kw_only=True)
class Reminded:
    """Of how many."""

    tasks: int


@dataclass(frozen=True, kw_only=True)
class AskPerson:
    """Open a task for a person, once per key."""

    incident: str
    key: str
    kind: TaskKind
    detail: str


@dataclass(frozen=True, kw_only=True)
class Reckon:
    """Move a deadline by so many hours of the contract's calendar, forwards or backwards."""

    incident: str
    start: datetime
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Moments:
    """The new deadline and the reminders before it."""

    deadline: datetime
    reminders: tuple[datetime, ...]


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Look for offending mail sent since the client said that it was fixed."""

    incident: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Verified:
    """`clean`, or why not."""

    clean: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Bill:
    """Make every charge that the incident owes and does not have yet."""

    incident: str
    accepted: tuple[Term, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NearCap:
    """A cap of the contract that what an incident owes comes near. The key is told of once."""

    incident: str
    key: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Billed:
    """The charges that stand, one sentence each."""

    charges: tuple[str, ...]
    near: tuple[NearCap, ...] = ()
    """Where there is any, nothing is charged until client and desk have been told."""


@dataclass(frozen=True, kw_only=True)
class WaiveCharge:
    """Forgive one kind of charge, whether it is on the ledger yet or not."""

    incident: str
    kind: ChargeKind
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CreditCharge:
    """Take back a part of one charge, or all that is left of it. The same effect is made once."""

    incident: str
    charge: str
    effect: str
    amount: Money | None
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DisputeCharge:
    """Put one charge under dispute: it is not sent until that is settled."""

    incident: str
    charge: str
    effect: str
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SettleDispute:
    """End the dispute of one charge, with a credit where the client is right."""

    incident: str
    charge: str
    effect: str
    settlement: Settlement
    amount: Money | None
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CheckLists:
    """Ask every blocklist about every address of the incident's service."""

    incident: str


@dataclass(frozen=True, kw_only=True)
class WayOut:
    """Off a list by itself after `hours`, or by a person's word at `page`, where they are known."""

    hours: int | None = None
    page: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestDelisting:
    """Ask a list to remove addresses and domains, or have a person ask, once the cause is gone."""

    incident: str
    zone: str
    subjects: tuple[str, ...]
    round: int
    """0 after the first release, one more after each relapse; a listing is asked for once in
    each."""
    page: str = ""
    by_hand: bool = False
    """A request that was filed has changed nothing: a person is to see to it."""


@dataclass(frozen=True, kw_only=True)
class DelistingRequested:
    """`filed`: those that the list was asked for; `by_person`: those that a person was given."""

    filed: tuple[str, ...] = ()
    by_person: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """What came back, or why a person has to ask."""


@dataclass(frozen=True, kw_only=True)
class Listings:
    """`listed` has `address zone` of all that stands: a list that gives no usable answer, which
    `unanswered` says with its reason, leaves what it has said before standing."""

    listed: tuple[str, ...]
    unanswered: tuple[str, ...] = ()
    ways: dict[str, WayOut] = field(default_factory=dict)
    """How one gets off the zones that list something."""


@dataclass(frozen=True, kw_only=True)
class SetRight:
    """A false positive or a withdrawal: lift everything, deliver what is held, void the charges."""

    incident: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Close the books of an incident."""

    incident: str
    outcome: Outcome
    news_revision: int | None = None
    """What the incident has heard; if there is more by now, it is not closed. None: regardless."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Whether the books are closed; if not, news came in at the last moment."""

    closed: bool


@dataclass(frozen=True, kw_only=True)
class CompleteTasks:
    """Mark a person's tasks of one kind as done, with what came of them."""

    incident: str
    kind: TaskKind
    outcome: str
    by: str | None = None
    minutes: int | None = None
    """Of a person's work, where they are known; the contract may have a price for them."""


@dataclass(frozen=True, kw_only=True)
class KeepRecord:
    """Nothing to do but to put on record what was decided."""

    incident: str


@dataclass(frozen=True, kw_only=True)
class Done:
    """A step that has nothing to say."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision of an incident, with its reasons, numbered from 1."""

    number: int
    at: datetime
    what: str
    reasons: tuple[str, ...] = ()
    by: str = "plazo"


@dataclass(frozen=True, kw_only=True)
class View:
    """How an incident looks from outside; rides along with every step into the database."""

    revision: int
    stage: str
    outcome: str | None
    deadline: datetime | None
    measure: str | None
    acknowledged: bool = False
    conditions: tuple[str, ...] = field(default=())
    fixed_at: datetime | None = None
    upcoming: Restriction | None = None
    """What follows when the deadline passes."""
