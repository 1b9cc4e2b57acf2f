"""One small provider, of which every example in the OpenAPI document is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from book.blocklists.periods import Period
from book.console.desk import User
from book.console.sessions import Token
from book.intake.campaigns import Announced
from book.intake.reported import Reported
from domain.acts import Answer
from domain.console.desk import Right, Role
from domain.console.pages import IncidentPage, IncidentRow
from domain.console.timeline import Kind, Moment, Timeline
from domain.console.views import ClientRow, ContractRow, LadderPlace, ServiceRow, Span, Worklist
from domain.hosts import HeldMessage
from domain.incident import Act, Stage
from domain.ladder import Condition
from domain.letters.notices import ChargeState
from domain.money.billing import Delivery, DeliveryState
from domain.money.costs import ChargeKind, Evidence, EvidenceKind, Unit
from domain.money.ledger import Balance, Entry, EntryKind, Standing
from domain.steps import TaskKind
from domain.tasks import Task
from domain.units import Money

INCIDENT = "incident-vps-1-1"
CLIENT = "aurora"
SERVICE = "vps-1"
ADDRESS = "192.0.2.7"
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HELD = HeldMessage(
    queue_id="4Xk2", sender="info@shop.example", recipients=3, bytes=4_096, arrived_at=AT
)

ROW = IncidentRow(
    incident=INCIDENT,
    client=CLIENT,
    service=SERVICE,
    stage=Stage.WAITING,
    opened_at=AT,
    deadline=AT + timedelta(hours=4),
    reports=12,
    volume=480,
    listed=1,
    tasks=1,
)
WORKLIST = Worklist(rows=(ROW,), after=INCIDENT)

PAGE = IncidentPage(
    provider="Proveedor SL",
    incident=INCIDENT,
    now=AT,
    client_id=CLIENT,
    client="Aurora",
    service=SERVICE,
    service_kind="managed_vps",
    host="mx1",
    contract="aurora-2026",
    clause="7.3",
    stage=Stage.WAITING,
    opened_at=AT,
    deadline=AT + timedelta(hours=4),
    domain="shop.example",
    addresses=(ADDRESS,),
    reports=12,
    volume=480,
    conditions=(Condition.CAUSE_FIXED,),
    acts=(Act.ACKNOWLEDGE, Act.FIXED, Act.EXTEND, Act.ESCALATE),
)
TIMELINE = Timeline(
    moments=(
        Moment(
            at=AT,
            kind=Kind.DECISION,
            what="the first incident: wait for the whole deadline",
            details=("no earlier incident within 12 months",),
            entry=2,
        ),
    ),
    total=1,
    older=None,
)
RECORD = {
    "incident": INCIDENT,
    "entries": 12,
    "broken": None,
    "rows": [
        {
            "seq": 1, "at": AT, "source": "opened", "what": "opened", "reasons": [], "by": None,
            "failed": False, "attempt": False, "body": '{"kind":"opened"}',
            "previous": "00" * 32, "hash": "5e" * 32,
        }
    ],
    "after": 1,
}  # fmt: skip
PICTURE = {
    "begin": AT,
    "end": AT + timedelta(minutes=30),
    "step": 300,
    "messages": [0, 120, 360, 0, 0, 0],
    "held": [0, 0, 40, 40, 40, 40],
    "deadline": AT + timedelta(hours=4),
    "measures": [Span(label="hold_domain on shop.example", begin=AT, end=None, detail="applied")],
    "listings": [
        {
            "cell": f"{ADDRESS} bl.example",
            "spans": [Span(label=f"{ADDRESS} bl.example", begin=AT, end=None, detail="127.0.0.2")],
        }
    ],
}
POSSIBLE = {
    "incident": INCIDENT,
    "stage": Stage.WAITING,
    "seen": 14,
    "acts": [Act.ACKNOWLEDGE, Act.FIXED, Act.EXTEND],
    "deadline": AT + timedelta(hours=4),
    "measure": None,
    "upcoming": "hold_domain on shop.example",
    "conditions": [Condition.CAUSE_FIXED],
    "charges": [{"charge": f"{INCIDENT}/delisting/1", "words": "delisting 25 EUR: the first"}],
    "held": [HELD],
    "held_total": 1,
}
ANSWER = Answer(
    said="The deadline is extended.", stage="waiting", deadline=f"{AT:%Y-%m-%dT%H:%M:%S+00:00}"
)

_CHARGE = f"{INCIDENT}/delisting/1"
_REASON = "They asked by phone."
ACTS: dict[Act, dict[str, object]] = {
    Act.ACKNOWLEDGE: {},
    Act.FIXED: {
        "note": "The form is gone.", "answered": True, "discard_senders": ["info@shop.example"],
    },
    Act.CONTEST: {"reason": "That address was given back to you in May."},
    Act.KEPT_MAIL: {
        "discard_senders": ["info@shop.example"], "note": "Only the newsletter is real.",
    },
    Act.EXTEND: {"seconds": 14_400, "reason": _REASON},
    Act.SHORTEN: {"seconds": 3_600, "reason": "It goes on."},
    Act.ESCALATE: {"reason": "It goes on."},
    Act.RELEASE: {"reason": _REASON, "deliver_everything": True},
    Act.WAIVE: {"charge": "delisting", "reason": "First time in ten years."},
    Act.CREDIT: {
        "charge": _CHARGE, "reason": "Half of it.", "amount": {"minor": 1_250, "currency": "EUR"},
    },
    Act.DISPUTE: {"charge": _CHARGE, "reason": "They say it was not theirs."},
    Act.SETTLE: {"charge": _CHARGE, "settlement": "upheld", "reason": "It was theirs."},
    Act.FALSE_POSITIVE: {"reason": "A forged report."},
    Act.CALL_OUTCOME: {"outcome": "They clean it tonight.", "reached": True, "minutes": 10},
    Act.CLOSE: {"outcome": "withdrawn", "reason": "Opened by mistake."},
}  # fmt: skip

TASK = Task(
    key=f"{INCIDENT}/call",
    kind=TaskKind.CALL_CLIENT,
    detail="Call Aurora: +34 600 000 000",
    opened_at=AT,
    due=AT + timedelta(hours=1),
    incident=INCIDENT,
    owner="ana",
    taken_at=AT,
)
CLIENT_ROW = ClientRow(
    client=CLIENT, name="Aurora", kind="business", open=1, counted=1, last_opened_at=AT
)
CLIENT_RECORD = {
    "now": AT,
    "client": CLIENT,
    "name": "Aurora",
    "kind": "business",
    "language": "es",
    "contacts": ["abuse@aurora.example"],
    "phone": "+34 600 000 000",
    "ladder": LadderPlace(
        rung=2, counted=(INCIDENT,), until=AT + timedelta(days=365), window_months=12
    ),
    "services": [
        ServiceRow(service=SERVICE, kind="managed_vps", host="mx1", addresses=(f"{ADDRESS}/32",))
    ],
    "contracts": [
        ContractRow(
            contract="aurora-2026",
            clause="7.3",
            measures=("rate_limit", "hold_domain"),
            valid_from=AT,
            valid_until=None,
        )
    ],
    "incidents": [ROW],
}
CAMPAIGN = Announced(
    id=7,
    service=SERVICE,
    client=CLIENT,
    host="mx1",
    domain="shop.example",
    begins_at=AT,
    ends_at=AT + timedelta(hours=9),
    messages=20_000,
    announced_by=CLIENT,
    recorded_by="ana",
    recorded_at=AT,
    reason="Newsletter, announced by mail.",
    withdrawn_at=None,
    withdrawn_by=None,
    withdrawn_why=None,
)
PERIOD = Period(
    address=ADDRESS,
    zone="bl.example",
    answer="127.0.0.2",
    found_at=AT,
    seen_at=AT,
    cleared_at=None,
    incident=INCIDENT,
)
ENTRY = Entry(
    key=_CHARGE,
    entry=EntryKind.CHARGE,
    of=None,
    incident=INCIDENT,
    client=CLIENT,
    contract="aurora-2026",
    clause="7.3",
    kind=ChargeKind.DELISTING,
    quantity=Decimal(1),
    unit=Unit.INCIDENT,
    unit_price=Decimal("25.00"),
    amount=Money(2_500, "EUR"),
    reason="the first delisting",
    by="plazo",
    evidence=(Evidence(what=EvidenceKind.LISTING, ref=f"{ADDRESS} bl.example"),),
    entered_at=AT,
)
STANDING = Standing(charge=ENTRY, left=Money(1_250, "EUR"), state=ChargeState.DUE)
BALANCE = Balance(
    client=CLIENT,
    incident=None,
    charged=Money(2_500, "EUR"),
    credited=Money(-1_250, "EUR"),
    voided=Money(0, "EUR"),
    balance=Money(1_250, "EUR"),
    disputed=Money(0, "EUR"),
)
DELIVERY = Delivery(
    entry=ENTRY,
    state=DeliveryState.SENT,
    backend="stripe",
    account="cus_1",
    attempts=1,
    far_id="ii_1",
    error=None,
    next_at=None,
    changed_at=AT,
)
REPORT = Reported(
    report="fbl/msg-1/0",
    reporter="fbl",
    received_at=AT,
    sent_at=AT,
    format="arf",
    address=ADDRESS,
    domain="shop.example",
    sender="info@shop.example",
    message_id="<1@shop.example>",
    volume=1,
    counted=1,
    headers=("Subject: Offer",),
    incident=INCIDENT,
    unplaced=None,
    sha256="5e" * 32,
    media_type="message/rfc822",
    bytes=2_048,
)
USER = User(
    name="ana",
    full_name="Ana Ruiz",
    role=Role.LEAD,
    subject=None,
    created_at=AT,
    disabled_at=None,
    seen_at=AT,
)
TOKEN = Token(
    id="plazo_5e5e5e5e",
    person="ana",
    label="wallboard",
    scopes=(Right.READ,),
    created_at=AT,
    ends_at=None,
    last_used_at=None,
    revoked_at=None,
)
