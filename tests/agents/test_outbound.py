"""Which mail a measure concerns, and what becomes of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.outbound import concerns, fate, in_charge
from domain.hosts import Desired, Fate, HeldMessage
from domain.measures import Measure, Restriction, Scope
from tests.agents.gateway import a_hold


def a_measure(measure: Measure, scope: Scope, key: str = "") -> Desired:
    restriction = Restriction(measure=measure, scope=scope, targets=("shop.example",))
    return replace(a_hold(key or measure), restriction=restriction, smarthost="smart.example:2525")


HOLD = a_measure(Measure.HOLD_DOMAIN, Scope.DOMAIN)
HOLD_ALL = a_measure(Measure.HOLD_SERVER, Scope.SERVER)
REDIRECT = a_measure(Measure.SMARTHOST_REDIRECT, Scope.DOMAIN)
REDIRECT_ALL = a_measure(Measure.SMARTHOST_REDIRECT, Scope.SERVER, "all")


def a_message(sender: str) -> HeldMessage:
    return HeldMessage(
        queue_id="ABCDEF", sender=sender, recipients=1, bytes=1,
        arrived_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "concerned"),
    [
        ("info@shop.example", True),
        ("INFO@Shop.Example", True),
        ('"a@b"@shop.example', True),
        ("info@sub.shop.example", False),
        ("info@notshop.example", False),
        ("shop.example@bakery.example", False),
        ("MAILER-DAEMON", False),
        ("", False),
    ],
)
def test_a_domains_measure_concerns_exactly_its_senders(sender: str, concerned: bool) -> None:
    assert concerns(HOLD.restriction, sender) is concerned


@pytest.mark.parametrize(
    ("measures", "winner"),
    [
        ((REDIRECT, HOLD), HOLD),
        ((REDIRECT_ALL, REDIRECT), REDIRECT),
        ((REDIRECT, HOLD_ALL), HOLD_ALL),
        ((REDIRECT_ALL, HOLD), HOLD),
        ((), None),
    ],
)
def test_a_hold_comes_first_and_then_the_narrower_measure(
    measures: tuple[Desired, ...], winner: Desired | None
) -> None:
    assert in_charge(measures, "info@shop.example") == winner


def test_discarding_comes_before_keeping_and_a_domain_may_be_kept_whole() -> None:
    end = replace(HOLD, discard_senders=("spam@shop.example",), keep_senders=("@SHOP.example",))
    assert fate(end, a_message("spam@shop.example")) is Fate.DISCARDED
    assert fate(end, a_message("info@shop.example")) is Fate.KEPT
    assert fate(end, a_message("info@bakery.example")) is Fate.DELIVERED
    assert fate(replace(HOLD, discard_messages=("ABCDEF",)), a_message("x@y")) is Fate.DISCARDED
