"""Facts and pages as full and as bare as they come."""

from datetime import UTC, datetime, timedelta

from domain.hosts import HeldMessage
from domain.incident import Act, Stage
from domain.ladder import Condition, Term
from domain.measures import Measure, Restriction, Scope
from domain.money import ChargeKind
from domain.notices import ChargeLine, ChargeState, NoticeFacts
from domain.pages import (
    ChainRow,
    ChargeRow,
    ConsolePage,
    IncidentPage,
    IncidentRow,
    ListingRow,
    MeasureRow,
    NoticeRow,
    PortalDone,
    PortalGone,
    PortalPage,
    ProblemPage,
    ReportRow,
    TaskRow,
)
from domain.parties import Jurisdiction
from domain.units import Money

NOW = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
INCIDENT = "incident-vps-1-2"
URL = "https://plazo.example/c/0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrst"
HOSTILE = "<script>alert(1)</script>\r\nBcc: everyone@victim.example\n\nDear friend \u202e"
LIMIT = Restriction(
    measure=Measure.RATE_LIMIT, scope=Scope.SERVER, targets=("mail.client.example",)
)
HOLD = Restriction(measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=("shop.example",))
CHARGES = tuple(
    ChargeLine(kind=kind, amount=Money(125_000, "EUR"), state=state)
    for kind in ChargeKind
    for state in ChargeState
)


def minimal_facts(
    jurisdiction: Jurisdiction = Jurisdiction.ES, *, client_name: str = "Hosting Ejemplo"
) -> NoticeFacts:
    return NoticeFacts(
        incident=INCIDENT,
        client_name=client_name,
        service="vps-1",
        first_seen=NOW,
        clause="7.3",
        jurisdiction=jurisdiction,
        portal_url=URL,
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
    )


def full_facts(
    jurisdiction: Jurisdiction = Jurisdiction.ES,
    *,
    client_name: str = "Hosting Ejemplo",
    domain: str = "shop.example",
    service: str = "vps-1",
    sample_headers: tuple[str, ...] = ("Received: from [192.0.2.7]", "Subject: cheap watches"),
) -> NoticeFacts:
    return NoticeFacts(
        incident=INCIDENT,
        client_name=client_name,
        service=service,
        addresses=("192.0.2.7", "2001:db8::7"),
        domain=domain,
        first_seen=NOW,
        reports=3,
        volume=12_500,
        deadline=NOW + timedelta(hours=4),
        zone="Europe/Madrid",
        clause="7.3",
        jurisdiction=jurisdiction,
        measure=LIMIT,
        upcoming=HOLD,
        reasons=("a sentence for operators",),
        conditions=tuple(Condition),
        listings=("192.0.2.7 zen.example", "2001:db8::7 zen.example"),
        charges=CHARGES,
        held=12,
        kept=1,
        delivered=4,
        discarded=2,
        outcome="remediated",
        sample_headers=sample_headers,
        portal_url=URL,
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
    )


def a_held_message(sender: str = "info@shop.example", queue_id: str = "4bX1") -> HeldMessage:
    return HeldMessage(
        queue_id=queue_id, sender=sender, recipients=50, bytes=12_345, arrived_at=NOW
    )


def minimal_portal(*, stage: Stage = Stage.OPEN, may_fix: bool = True) -> PortalPage:
    return PortalPage(
        token="tok",
        incident=INCIDENT,
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
        client_name="Hosting Ejemplo",
        service="vps-1",
        now=NOW,
        stage=stage,
        first_seen=NOW,
        may_acknowledge=False,
        may_fix=may_fix,
    )


def full_portal(*, sender: str = "info@shop.example", domain: str = "shop.example") -> PortalPage:
    return PortalPage(
        token="tok",
        incident=INCIDENT,
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
        client_name="Hosting Ejemplo",
        service="vps-1",
        addresses=("192.0.2.7",),
        domain=domain,
        zone="Europe/Madrid",
        now=NOW,
        stage=Stage.RESTRICTED,
        first_seen=NOW,
        reports=3,
        volume=12_500,
        deadline=NOW + timedelta(hours=3, minutes=5),
        measure=HOLD,
        upcoming=LIMIT,
        conditions=tuple(Condition),
        listings=("192.0.2.7 zen.example",),
        charges=CHARGES,
        held=(a_held_message(sender, "4bX1"), a_held_message(sender, "4bX2"), a_held_message("")),
        held_total=900,
        fixed_at=NOW,
    )


def a_done(act: Act, note: str = "A mailbox") -> PortalDone:
    return PortalDone(
        token="tok",
        incident=INCIDENT,
        provider="Proveedor SL",
        act=act,
        at=NOW,
        accepted=tuple(Term),
        held=3,
        answered=True,
        discard_senders=("info@shop.example",),
        discard_messages=("4bX1", "4bX2"),
        note=note,
    )


GONE = PortalGone(provider="Proveedor SL", reply_to="abuse@provider.example")


def a_problem(detail: str = "No such page") -> ProblemPage:
    return ProblemPage(provider="Proveedor SL", status=404, title="Not found", detail=detail)


def _rows(client: str) -> tuple[IncidentRow, ...]:
    return tuple(
        IncidentRow(
            incident=INCIDENT,
            client=client,
            service="vps-1",
            stage=stage,
            opened_at=NOW,
            deadline=NOW + timedelta(hours=hours) if hours else None,
            measure=str(HOLD),
            outcome="remediated" if stage is Stage.CLOSED else None,
            closed_at=NOW if stage is Stage.CLOSED else None,
        )
        for stage, hours in zip(Stage, (1, -1, 0, 0, 0, 0, 0, 0), strict=True)
    )


def _tasks() -> tuple[TaskRow, ...]:
    return (
        TaskRow(kind="call_client", detail="Call", opened_at=NOW, incident=INCIDENT),
        TaskRow(kind="call_client", detail="Call", opened_at=NOW, done_at=NOW),
    )


def _reports() -> tuple[ReportRow, ...]:
    return (
        ReportRow(
            report="r1", reporter="fbl", received_at=NOW, format="arf", unplaced="no service"
        ),
    )


def a_console(client: str = "Hosting Ejemplo") -> ConsolePage:
    rows = _rows(client)
    return ConsolePage(
        provider="Proveedor SL",
        now=NOW,
        open=rows[:-1],
        closed=rows[-1:],
        tasks=_tasks(),
        unplaced=_reports(),
    )


EMPTY_CONSOLE = ConsolePage(provider="Proveedor SL", now=NOW)


def minimal_incident() -> IncidentPage:
    return IncidentPage(
        provider="Proveedor SL",
        incident=INCIDENT,
        now=NOW,
        client="Hosting Ejemplo",
        service="vps-1",
        service_kind="managed_vps",
        contract="c-1",
        clause="7.3",
        stage=Stage.OPEN,
        opened_at=NOW,
    )


def full_incident(reason: str = "first incident") -> IncidentPage:
    seen = MeasureRow(
        restriction=HOLD,
        host="mx1",
        wanted="applied",
        asked_at=NOW,
        observed="applied",
        observed_at=NOW,
    )
    return IncidentPage(
        provider="Proveedor SL",
        incident=INCIDENT,
        now=NOW,
        zone="Europe/Madrid",
        client="Hosting Ejemplo",
        service="vps-1",
        service_kind="managed_vps",
        host="mx1",
        contract="c-1",
        clause="7.3",
        stage=Stage.CLOSED,
        outcome="remediated",
        opened_at=NOW,
        closed_at=NOW,
        deadline=NOW,
        domain="shop.example",
        addresses=("192.0.2.7",),
        fixed_at=NOW,
        conditions=tuple(Condition),
        acts=tuple(Act),
        chain=(
            ChainRow(seq=1, at=NOW, source="decision:1", what="wait", reasons=(reason,), by="ana"),
            ChainRow(seq=2, at=NOW, source="notice/1:attempt:1", what="send", failed=True),
        ),
        chain_break="entry 3: is missing",
        measures=(seen, MeasureRow(restriction=LIMIT, host="mx1", wanted="lifted", asked_at=NOW)),
        notices=(
            NoticeRow(
                notice="deadline",
                subject="Spam",
                recipients=("a@b.example",),
                written_at=NOW,
                sent_at=NOW,
                response="250 ok",
            ),
            NoticeRow(notice="deadline", subject="Spam", recipients=(), written_at=NOW),
        ),
        charges=tuple(
            ChargeRow(line=line, reason="x", charged_at=NOW, state_by="ana") for line in CHARGES
        ),
        listings=(
            ListingRow(address="192.0.2.7", zone="zen.example", answer="127.0.0.2", found_at=NOW),
            ListingRow(
                address="192.0.2.7",
                zone="b.example",
                answer="127.0.0.2",
                found_at=NOW,
                cleared_at=NOW,
            ),
        ),
        tasks=_tasks(),
        latest_reports=_reports(),
        links=(("Portal", URL),),
    )
