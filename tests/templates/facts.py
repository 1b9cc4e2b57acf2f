"""Facts of notices: as full and as bare as they come, and of a few incidents as they happen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.ladder import Condition
from domain.letters.causes import Cause, Platform
from domain.letters.notices import ChargeLine, ChargeState, HeldFrom, NoticeFacts
from domain.measures import Measure, Restriction, Scope
from domain.money.costs import ChargeKind
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
SMARTHOST = Restriction(
    measure=Measure.SMARTHOST_REDIRECT, scope=Scope.SERVER, targets=("mail.client.example",)
)
BLOCK = Restriction(measure=Measure.BLOCK_PORT25, scope=Scope.ADDRESS, targets=("192.0.2.7",))
CHARGES = tuple(
    ChargeLine(kind=kind, amount=Money(125_000, "EUR"), state=state)
    for kind in ChargeKind
    for state in ChargeState
)
LOGIN_LINE = (
    "Received: from [203.0.113.9] (unknown [203.0.113.9]) by mail.client.example with esmtpsa"
    " (Exim 4.98) (envelope-from <info@shop.example>) id 1tFabc-0001"
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
        last_seen=NOW + timedelta(minutes=50),
        reports=3,
        volume=12_500,
        cause=Cause.LOGIN,
        because="X-Authenticated-Sender: mail.client.example: info@shop.example",
        platform=Platform.CPANEL,
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
        held_from=(
            HeldFrom(sender="info@shop.example", messages=11), HeldFrom(sender="", messages=1),
        ),
        smarthost_price=Money(120, "EUR"),
        kept=1,
        delivered=4,
        discarded=2,
        outcome="remediated",
        sample_headers=sample_headers,
        portal_url=URL,
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
    )  # fmt: skip


def a_login() -> NoticeFacts:
    """A first incident: somebody has the secret of a login, and the client has four hours."""
    return replace(
        full_facts(),
        addresses=("192.0.2.7",),
        because=LOGIN_LINE,
        sample_headers=(LOGIN_LINE, "From: Shop <info@shop.example>", "Subject: Offer"),
        conditions=(Condition.CAUSE_FIXED,),
        listings=(),
        charges=(),
        held=0,
        held_from=(),
        kept=0,
        delivered=0,
        discarded=0,
    )


def a_script() -> NoticeFacts:
    """A second incident, listed: a script on a plain Postfix, and the domain's mail is held."""
    line = "X-PHP-Originating-Script: 33:mailer.php"
    return replace(
        full_facts(),
        cause=Cause.SCRIPT,
        because=line,
        platform=Platform.POSTFIX,
        deadline=None,
        measure=HOLD,
        upcoming=None,
        conditions=(
            Condition.CAUSE_FIXED, Condition.DELISTING_FEE, Condition.AUTHENTICATED_SMTP_ONLY,
        ),
        sample_headers=(line, "Subject: Oferta de relojes"),
        charges=(
            ChargeLine(
                kind=ChargeKind.DELISTING, amount=Money(5_000, "EUR"), state=ChargeState.DUE
            ),
        ),
    )  # fmt: skip


def a_relay() -> NoticeFacts:
    """An open relay under the law of the United States, whose mail goes through a smarthost."""
    return replace(
        full_facts(Jurisdiction.US, client_name="Lantern Media Inc."),
        cause=Cause.RELAY,
        because="Received: from evil ([198.51.100.66]) by mail.client.example with ESMTP id 4bX",
        platform=Platform.EXIM,
        zone="America/New_York",
        measure=SMARTHOST,
        upcoming=BLOCK,
        smarthost_price=Money(150, "USD"),
        conditions=(Condition.CAUSE_FIXED,),
        charges=(
            ChargeLine(
                kind=ChargeKind.SMARTHOST, amount=Money(1_000, "USD"),
                state=ChargeState.MAY_FALL_DUE,
            ),
        ),
        held=0,
        held_from=(),
    )  # fmt: skip


SHAPES = {"login": a_login, "script": a_script, "relay": a_relay}
"""Incidents as they happen, by what their letters are compared under (`golden.py`)."""
