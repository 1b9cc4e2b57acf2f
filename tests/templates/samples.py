"""Facts and pages as full and as bare as they come."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.console.pages import ProblemPage
from domain.console.portal import (
    Answerable,
    LetterRow,
    Part,
    PortalDone,
    PortalGone,
    PortalPage,
    SaidRow,
)
from domain.hosts import HeldMessage
from domain.incident import Act, Stage
from domain.ladder import Condition, Term
from domain.letters.notices import NoticeFacts
from tests.templates.facts import CHARGES, HOLD, INCIDENT, LIMIT, NOW, full_facts, minimal_facts


def a_held_message(sender: str = "info@shop.example", queue_id: str = "4bX1") -> HeldMessage:
    return HeldMessage(
        queue_id=queue_id, sender=sender, recipients=50, bytes=12_345, arrived_at=NOW
    )


def standing(stage: Stage, facts: NoticeFacts, fixed_at: datetime | None = None) -> Answerable:
    return Answerable(
        stage=stage,
        deadline=facts.deadline,
        measure=facts.measure,
        upcoming=facts.upcoming,
        conditions=facts.conditions,
        fixed_at=fixed_at,
    )


def minimal_portal(
    *, stage: Stage = Stage.OPEN, acts: tuple[Act, ...] = (Act.FIXED,)
) -> PortalPage:
    facts = minimal_facts()
    return PortalPage(
        token="tok",
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
        now=NOW,
        facts=facts,
        answerable=standing(stage, facts),
        acts=acts,
    )


def with_conditions(page: PortalPage, *conditions: Condition) -> PortalPage:
    return replace(page, answerable=replace(page.answerable, conditions=conditions))


def full_portal(*, sender: str = "info@shop.example", words: str = "It was a form.") -> PortalPage:
    facts = replace(
        full_facts(),
        measure=HOLD,
        upcoming=LIMIT,
        charges=tuple(
            replace(line, key=f"{INCIDENT}/charge/{n}") for n, line in enumerate(CHARGES)
        ),
        sample_headers=("Subject: offer", f"From: {sender}"),
        because=f"X-PHP-Originating-Script: {sender}",
        domain=sender.partition("@")[2] or sender,
        deadline=NOW + timedelta(hours=3, minutes=5),
        conditions=tuple(Condition),
        also=("other.example",),
    )
    return PortalPage(
        token="tok",
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
        now=NOW,
        facts=facts,
        answerable=standing(Stage.RESTRICTED, facts, NOW),
        held=(a_held_message(sender, "4bX1"), a_held_message(sender, "4bX2"), a_held_message("")),
        held_total=900,
        letters=(LetterRow(subject=words, text=words, written_at=NOW, taken_at=NOW),),
        said=(
            SaidRow(at=NOW, act=Act.CONTEST, note=words),
            SaidRow(
                at=NOW, act=Act.FIXED, accepted=tuple(Term), discard_senders=sender,
                discard_messages="4bX1",
            ),
            SaidRow(at=NOW, act=Act.DISPUTE, about=f"{INCIDENT}/charge/1", note=words),
            SaidRow(at=NOW, act=None, note=words),
        ),
        acts=(Act.ACKNOWLEDGE, Act.FIXED, Act.CONTEST, Act.DISPUTE),
        changed=tuple(Part),
        note=words,
    )  # fmt: skip


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
