"""When a receiver's refusals are told of, and when they are over."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.detection.refusals import Receiver, Refusal, receiver_of, refusal_by
from domain.detection.refused import (
    AGED,
    ENOUGH,
    REPEAT,
    Refused,
    Refusing,
    accepted,
    follow,
    refused,
    said,
)
from domain.detection.traffic import HOUR

HOST = "hotmail-com.olc.protection.outlook.com"
S3150 = (
    "550 5.7.1 Unfortunately, messages from [192.0.2.7] weren't sent. Please contact your Internet"
    " service provider since part of their network is on our block list (S3150)."
)
TSS04 = (
    "421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred due to unexpected volume or"
    " user complaints - 4.16.55.1"
)
MTA7 = "mta7.am0.yahoodns.net"
START = 1_000_000


def found(host: str, answer: str) -> Refusal:
    refusal = refusal_by(host, answer)
    assert refusal is not None
    return refusal


def blocked(at: int = START, known: Refusing | None = None) -> Refusing:
    return refused(known, found(HOST, S3150), HOST, S3150, at)


def slowed(times: int, every: int = 60) -> Refusing:
    known = None
    for number in range(times):
        at = START + number * every
        known = refused(known, found(MTA7, TSS04), MTA7, TSS04, at)
    assert known is not None
    return known


def told(known: Refusing, now: int) -> Refusing:
    after, tell = follow(known, now)
    assert tell
    assert after is not None
    return after


def a_refusal(**other: Any) -> Refused:
    at = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    ordinary: dict[str, Any] = {
        "id": "microsoft-mail-192.0.2.7-1-1", "receiver": Receiver.MICROSOFT,
        "address": "192.0.2.7", "began_at": at, "refused_at": at, "refused": 1, "host": HOST,
        "said": S3150,
    }  # fmt: skip
    return Refused(**ordinary | other)


@pytest.mark.parametrize(
    ("host", "receiver"),
    [
        (HOST, Receiver.MICROSOFT),
        ("shop-example.mail.protection.outlook.com", Receiver.EXCHANGE_ONLINE),
        ("shop-example.a-v1.mx.microsoft", Receiver.EXCHANGE_ONLINE),
        ("ASPMX.L.GOOGLE.COM.", Receiver.GOOGLE),
        ("aspmx2.googlemail.com", Receiver.GOOGLE),
        (MTA7, Receiver.YAHOO),
        ("outlook.com.evil.example", None),
        ("notgoogle.com", None),
        ("mx.far.example", None),
        ("", None),
    ],
)
def test_a_receiver_is_known_by_its_servers_names(host: str, receiver: Receiver | None) -> None:
    assert receiver_of(host) is receiver


def test_the_words_of_a_receiver_mean_nothing_from_anybody_else() -> None:
    assert refusal_by("mx.evil.example", S3150) is None
    assert refusal_by("aspmx.l.google.com", S3150) is None


def test_microsofts_two_halves_say_the_same_and_are_two_receivers() -> None:
    assert found("x.mail.protection.outlook.com", S3150).receiver is Receiver.EXCHANGE_ONLINE
    assert found(HOST, S3150).receiver is Receiver.MICROSOFT


def test_a_block_is_told_at_the_first_refusal() -> None:
    assert follow(blocked(), START)[1]


def test_what_a_receiver_ends_by_itself_is_told_when_there_is_enough_of_it_within_an_hour() -> None:
    assert not follow(slowed(ENOUGH - 1), START + 300)[1]
    assert follow(slowed(ENOUGH), START + 300)[1]
    assert not follow(slowed(ENOUGH, every=HOUR // 2), START + 3 * HOUR)[1]


def test_a_few_of_those_are_forgotten_after_an_hour() -> None:
    assert follow(slowed(2), START + 60 + HOUR) == (None, False)


def test_it_is_over_when_mail_was_taken_and_an_hour_passed_without_a_refusal() -> None:
    known = told(blocked(), START)
    assert follow(known, START + 2 * HOUR) == (known, False)
    taken = accepted(known, START + 60)
    assert follow(taken, START + HOUR - 1) == (taken, False)
    assert follow(taken, START + HOUR) == (None, True)


def test_a_receiver_that_takes_one_and_refuses_the_next_still_refuses() -> None:
    known = accepted(told(blocked(), START), START + 60)
    again = blocked(START + 120, known)
    assert again.accepted_at is None
    assert follow(again, START + 120 + HOUR)[0] == again


def test_mail_that_was_taken_before_the_refusal_ends_nothing() -> None:
    assert accepted(blocked(), START - 1).accepted_at is None


def test_one_that_goes_on_is_told_again_some_hours_later() -> None:
    known = told(blocked(), START)
    again = blocked(START + 60, known)
    assert follow(again, START + REPEAT - 1) == (again, False)
    assert told(again, START + REPEAT).told == 2
    assert follow(known, START + REPEAT) == (known, False)


def test_what_is_not_tried_any_more_is_forgotten_after_a_week() -> None:
    known = told(blocked(), START)
    assert follow(known, START + int(AGED.total_seconds())) == (None, False)


def test_an_answer_leaves_the_host_without_the_recipient_that_it_quotes() -> None:
    answer = (
        "550 5.7.511 Access denied, banned sender[192.0.2.7]. <ana.lopez@far.example>\r\n please"
        " forward this message to delist@messaging.microsoft.com. (b@far.example)"
    )
    assert "far.example" not in said(answer)
    assert "delist@messaging.microsoft.com" in said(answer)
    assert "192.0.2.7" in said(answer)
    assert len(said("x" * 5_000)) == 1_000


def test_what_travels_is_a_refusal_that_is_known_of_that_receiver() -> None:
    assert a_refusal().refusal == found(HOST, S3150)
    for wrong in (
        {"said": "550 no"}, {"receiver": Receiver.YAHOO}, {"host": "mx.evil.example"},
        {"address": "192.0.2.07"}, {"id": "a/b"}, {"refused": 0}, {"said": S3150 + "x" * 1_000},
        {"refused_at": datetime(2026, 11, 23, tzinfo=UTC)},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"\w"):
            replace(a_refusal(), **wrong)
