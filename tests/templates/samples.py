"""Facts and pages as full and as bare as they come."""

from datetime import timedelta

from domain.console.pages import PortalDone, PortalGone, PortalPage, ProblemPage
from domain.hosts import HeldMessage
from domain.incident import Act, Stage
from domain.ladder import Condition, Term
from tests.templates.facts import CHARGES, HOLD, INCIDENT, LIMIT, NOW


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
