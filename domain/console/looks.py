"""What the desk's pages for a closer look show: letters, reports, chains, lists, money, people."""

from dataclasses import dataclass
from datetime import datetime

from domain.console.desk import Person, Right, Role
from domain.console.pages import ChainRow
from domain.console.views import Span
from domain.letters.correspondence import Kind
from domain.letters.notices import ChargeState
from domain.money.billing import DeliveryState
from domain.money.ledger import Balance, Standing


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """A letter's way to one contact."""

    message_id: str
    contact: str
    begun_at: datetime
    taken_at: datetime | None
    response: str | None
    """The mail server's, when it took it."""
    failed_at: datetime | None
    why: str | None


@dataclass(frozen=True, kw_only=True)
class AnswerRow:
    """Mail that came about a letter."""

    kind: Kind
    sender: str
    subject: str
    said: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class SentLetter:
    """A letter as it was written, with its proofs of delivery and what came back."""

    key: str
    incident: str
    notice: str
    subject: str
    text: str
    written_at: datetime
    deliveries: tuple[DeliveryRow, ...]
    answers: tuple[AnswerRow, ...]


@dataclass(frozen=True, kw_only=True)
class DeskPage:
    """What every page of the desk has."""

    provider: str
    person: Person
    csrf: str
    zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class LetterPage(DeskPage):
    """`letter.html`."""

    letter: SentLetter


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """A report as a page shows it; of the offending message the headers, redacted (RFC 6590)."""

    report: str
    reporter: str
    received_at: datetime
    sent_at: datetime
    format: str
    address: str | None
    domain: str | None
    sender: str | None
    message_id: str | None
    volume: int
    counted: int
    headers: tuple[str, ...]
    incident: str | None
    unplaced: str | None
    sha256: str
    media_type: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class ReportPage(DeskPage):
    """`report.html`."""

    report: ReportFacts


@dataclass(frozen=True, kw_only=True)
class LinkRow:
    """One entry of a chain with its hash, in hexadecimal."""

    row: ChainRow
    hash: str


@dataclass(frozen=True, kw_only=True)
class ChainPage(DeskPage):
    """`chain.html`: a chain entry by entry, and whether it verifies."""

    chain: str
    incident: bool
    """Whether it is an incident's; else it is the desk's own."""
    entries: int
    broken: str | None
    rows: tuple[LinkRow, ...]
    after: int | None
    """Where the next page begins."""


@dataclass(frozen=True, kw_only=True)
class ListingsPage(DeskPage):
    """`listings.html`: when an address or a domain was on which list. It is drawn as a picture."""

    subject: str
    begin: datetime
    end: datetime
    listings: tuple[tuple[str, tuple[Span, ...]], ...]
    """By list: the times in which it was listed."""
    rows: tuple[tuple[str, str, datetime, datetime | None, str | None], ...]
    """List, answer, found, cleared, incident; the newest first."""
    days: tuple[str, ...]
    """What Microsoft has counted, a sentence a day."""


@dataclass(frozen=True, kw_only=True)
class SentRow:
    """An entry that is on its way to where its client is billed, or did not get there."""

    entry: str
    client: str
    state: DeliveryState
    backend: str | None
    attempts: int
    error: str | None
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class MoneyPage(DeskPage):
    """`money.html`: charges as they stand, one client's balance, and what is not delivered."""

    client: str
    state: ChargeState | None
    charges: tuple[Standing, ...]
    """The latest first."""
    before: str | None
    """The charge before which the list goes on."""
    balances: tuple[Balance, ...]
    stuck: tuple[SentRow, ...]


@dataclass(frozen=True, kw_only=True)
class UserRow:
    """Somebody of the desk."""

    name: str
    full_name: str
    role: Role
    seen_at: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """An API token; what it is made of is shown once, when it is made."""

    id: str
    person: str
    label: str
    scopes: tuple[Right, ...]
    created_at: datetime
    ends_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PeoplePage(DeskPage):
    """`people.html`: who comes in, and by which tokens. Who is no lead sees their own alone."""

    users: tuple[UserRow, ...]
    tokens: tuple[TokenRow, ...]
    """Those that are in force."""
    leads: bool
    """Whether the reader sees to everybody."""
    said: str = ""
    """Why nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class PersonPage(DeskPage):
    """`person.html`: what disabling or enabling somebody, or ending a token, will do."""

    subject: str
    what: str
    """`disable`, `enable` or `revoke`."""
    will: tuple[str, ...]
    said: str = ""
