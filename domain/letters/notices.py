"""Every message that a direct client can get. Each has a text and an HTML template per language."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.ladder import Condition
from domain.letters.causes import Cause, Platform
from domain.measures import Restriction
from domain.money.costs import CapKind, ChargeKind, Evidence, Unit
from domain.parties import Jurisdiction
from domain.units import Money


class Notice(StrEnum):
    """Names of the templates under `templates/notices/<language>/`."""

    DEADLINE = "deadline"
    """What to do and by when; the first message of an incident with a deadline."""
    REMINDER = "reminder"
    DEADLINE_MOVED = "deadline_moved"
    RESTRICTED = "restricted"
    """A measure is in force, why, and how to have it lifted."""
    STILL_RESTRICTED = "still_restricted"
    FINAL_NOTICE = "final_notice"
    """Nobody has answered: the provider will decide on ending the service."""
    NOT_FIXED = "not_fixed"
    """The client said fixed, and offending mail was still seen."""
    RELEASED = "released"
    """The measure is lifted; probation begins."""
    RELAPSE = "relapse"
    """Offending mail in probation: the measure is back at once."""
    NEAR_CAP = "near_cap"
    """What the incident costs comes near a cap of the contract."""
    FINAL_REPORT = "final_report"
    APOLOGY = "apology"
    """It was a false positive."""
    ENDED = "ended"
    """The incident was closed by a person: withdrawn, or the service terminated."""

    @property
    def complains(self) -> bool:
        """Whether it tells of offending mail: an abuse system can take it in as a report."""
        return self in _COMPLAIN


_COMPLAIN = {
    Notice.DEADLINE, Notice.REMINDER, Notice.RESTRICTED, Notice.STILL_RESTRICTED,
    Notice.FINAL_NOTICE, Notice.NOT_FIXED, Notice.RELAPSE,
}  # fmt: skip


class ChargeState(StrEnum):
    """What is to become of an amount that a client is shown."""

    MAY_FALL_DUE = "may_fall_due"
    """A price that the contract sets and that this incident has not reached yet."""
    DUE = "due"
    DISPUTED = "disputed"
    """It waits, and is not sent, until the dispute is settled."""
    WAIVED = "waived"
    CREDITED = "credited"
    """Nothing is left of it, for another reason than a waiver."""
    VOIDED = "voided"


@dataclass(frozen=True, kw_only=True)
class ChargeLine:
    """One amount. A smarthost's price that may fall due is the contract's minimum."""

    kind: ChargeKind
    amount: Money
    state: ChargeState
    clause: str = ""
    """Where the contract has its price."""
    unit_price: Money | None = None
    quantity: Decimal | None = None
    unit: Unit | None = None
    """Known of charges that were made."""
    left: Money | None = None
    """What credits have left of it."""
    evidence: tuple[Evidence, ...] = ()
    key: str = ""
    """Of a charge that was made."""


@dataclass(frozen=True, kw_only=True)
class CapLine:
    """A cap of the contract, and what has been charged under it."""

    kind: CapKind
    cap: Money
    spent: Money


@dataclass(frozen=True, kw_only=True)
class HeldFrom:
    """How many messages of one envelope sender a measure holds back."""

    sender: str
    """Empty for bounces."""
    messages: int


@dataclass(frozen=True, kw_only=True)
class NoticeFacts:
    """Everything that a notice may say. What is unknown or none is left out of the letter.

    Datetimes are aware. Counts are of the whole incident up to the moment of writing.
    """

    incident: str
    client_name: str
    service: str
    addresses: tuple[str, ...] = ()
    """The service's addresses seen sending."""
    domain: str | None = None
    first_seen: datetime
    last_seen: datetime | None = None
    """When the newest of it was sent."""
    reports: int = 0
    volume: int = 0
    """Messages that reports and the host's agent have counted."""
    cause: Cause = Cause.UNKNOWN
    because: str = ""
    """The header that tells the cause, redacted as the sample is."""
    platform: Platform | None = None
    deadline: datetime | None = None
    """When the wait ends; None where there is no wait."""
    zone: str = "UTC"
    """IANA name of the client's time zone; moments are shown in it and in UTC."""
    clause: str
    """The client's own contract clause, such as "7.3"."""
    jurisdiction: Jurisdiction
    measure: Restriction | None = None
    """In force now, containment too; in a letter of release, the one that was lifted."""
    upcoming: Restriction | None = None
    """What will be taken when the deadline passes without remedy."""
    also: tuple[str, ...] = ()
    """Domains that measures in force touch besides their targets: of the same hosting account."""
    reasons: tuple[str, ...] = ()
    """English sentences for operators. No letter prints them: the facts above say it."""
    conditions: tuple[Condition, ...] = ()
    listings: tuple[str, ...] = ()
    """`address zone` of every blocklist entry that stands now."""
    charges: tuple[ChargeLine, ...] = ()
    caps: tuple[CapLine, ...] = ()
    held: int = 0
    """Messages that a measure holds back now."""
    held_from: tuple[HeldFrom, ...] = ()
    """The senders of most of them, the most first."""
    smarthost_price: Money | None = None
    """For 1,000 messages relayed, where mail goes through a smarthost or is to."""
    kept: int = 0
    """Messages that stay held after a release, because nobody has answered for them."""
    delivered: int = 0
    discarded: int = 0
    outcome: str | None = None
    """A value of `Outcome`, once the incident is closed."""
    sample_headers: tuple[str, ...] = ()
    """Headers of one offending message, one a line, with personal data redacted (RFC 6590)."""
    portal_url: str
    provider: str
    """The company's name, under the letter."""
    reply_to: str

    @property
    def total_due(self) -> Money | None:
        """What is left of all charges that were made; None where nothing is."""
        left = [line.left for line in self.charges if line.left is not None and line.left.minor]
        return Money(sum(each.minor for each in left), left[0].currency) if left else None
