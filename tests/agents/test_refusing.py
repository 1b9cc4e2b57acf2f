"""Refusals of large receivers in the log: found, told, and over when mail is taken again."""

from pathlib import Path

import pytest

from agents.mta.exim.log import MainLog
from agents.mta.traffic import Result, Tried
from domain.detection.refusals import Receiver
from domain.detection.refused import Refused
from domain.detection.traffic import HOUR
from tests.agents.sending import SHOP, START, Host
from tests.domain.test_refused import HOST as OUTLOOK
from tests.domain.test_refused import MTA7, S3150, TSS04

EXCHANGE = "far-example.mail.protection.outlook.com"


class Refusing(Host):
    """A host some of whose mail goes to large receivers."""

    def deliver(
        self, relay: str, answer: str = "", status: str = "bounced", by: str = SHOP
    ) -> None:
        queue_id = self.queued(by)
        if not answer:
            self.tried(queue_id, "ana@hotmail.example", relay=relay)
            return
        why = f"host {relay}[198.51.100.7] said: {answer} (in reply to MAIL FROM command)"
        dsn = "5.7.1" if status == "bounced" else "4.7.0"
        self.tried(queue_id, "ana@hotmail.example", status, dsn, why, relay)

    def refused(self, after: int = 15) -> tuple[Refused, ...]:
        """What waits for the gateway, so many seconds later."""
        self.look(after)
        return self.detector.memory.refused

    def hand_in(self) -> None:
        for each in self.detector.memory.refused:
            self.detector.told(each)


@pytest.fixture
def host(tmp_path: Path) -> Refusing:
    return Refusing(tmp_path)


def test_a_block_is_found_with_the_address_that_the_receiver_names(host: Refusing) -> None:
    host.deliver(OUTLOOK, S3150.replace("192.0.2.7", "192.0.2.99"))
    [found] = host.refused()
    assert (found.receiver, found.address, found.refused) == (Receiver.MICROSOFT, "192.0.2.99", 1)
    assert found.host == OUTLOOK
    assert "S3150" in found.said
    assert found.began_at.timestamp() == START
    assert found.accepted_at is None


def test_the_same_words_of_anybody_elses_server_are_no_refusal(host: Refusing) -> None:
    host.deliver("mx.evil.example", S3150)
    assert host.refused() == ()


def test_refusals_that_go_on_are_told_once_and_counted(host: Refusing) -> None:
    host.deliver(OUTLOOK, S3150)
    assert len(host.refused()) == 1
    host.hand_in()
    for _ in range(3):
        host.deliver(OUTLOOK, S3150)
        assert host.refused(600) == ()
    [known] = host.detector.memory.refusing.values()
    assert known.refused == 4


def test_one_deferral_is_everybodys_and_five_within_an_hour_are_told(host: Refusing) -> None:
    for _ in range(4):
        host.deliver(MTA7, TSS04, "deferred")
    assert host.refused() == ()
    host.deliver(MTA7, TSS04, "deferred")
    [found] = host.refused()
    assert (found.receiver, found.refused) == (Receiver.YAHOO, 5)


def test_mail_that_postfix_suspends_by_an_earlier_answer_is_refused_too(host: Refusing) -> None:
    why = (
        f"delivery temporarily suspended: host {MTA7}[198.51.100.9] refused to talk to me: {TSS04}"
    )
    for _ in range(5):
        queue_id = host.queued(SHOP)
        host.write(
            "smtp",
            f"{queue_id}: to=<ana@yahoo.example>, relay=none, delay=9, delays=9/0/0/0, dsn=4.7.0, "
            f"status=deferred ({why})",
        )
    [found] = host.refused()
    assert (found.receiver, found.host, found.refused) == (Receiver.YAHOO, MTA7, 5)
    assert sum(part.deferred for part in host.detector.memory.senders[SHOP].slices) == 0


def test_it_is_over_once_mail_is_taken_and_an_hour_has_passed(host: Refusing) -> None:
    host.deliver(OUTLOOK, S3150)
    host.refused()
    host.hand_in()
    host.deliver(OUTLOOK)
    assert host.refused(60) == ()
    [over] = host.refused(HOUR)
    assert over.accepted_at is not None
    assert over.accepted_at.timestamp() == START + 15
    assert over.id.endswith("-over")
    assert host.detector.memory.refusing == {}


def test_exchange_online_taking_mail_does_not_end_a_block_of_outlook(host: Refusing) -> None:
    host.deliver(OUTLOOK, S3150)
    host.deliver(EXCHANGE)
    assert len(host.refused()) == 1
    host.hand_in()
    assert host.refused(2 * HOUR) == ()


def test_mail_taken_from_another_address_ends_nothing(host: Refusing) -> None:
    # The agent was told that mail leaves from 192.0.2.7.
    host.deliver(OUTLOOK, S3150.replace("192.0.2.7", "192.0.2.99"))
    host.refused()
    host.hand_in()
    host.deliver(OUTLOOK)
    assert host.refused(2 * HOUR) == ()


def test_what_waits_and_what_was_counted_survives_a_restart(host: Refusing) -> None:
    host.deliver(OUTLOOK, S3150)
    before = host.refused()
    host.start()
    assert host.refused() == before
    host.hand_in()
    host.start()
    host.deliver(OUTLOOK)
    [over] = host.refused(2 * HOUR)
    assert over.accepted_at is not None


def test_no_recipient_is_kept_or_told(host: Refusing) -> None:
    host.deliver(OUTLOOK, f"{S3150} <ana@hotmail.example>")
    assert "hotmail.example" not in repr(host.refused())
    assert "hotmail.example" not in (host.state / "detection.json").read_text()


def test_exims_log_says_the_same_with_the_address_that_it_left_from() -> None:
    line = (
        "2026-11-24 20:27:42 1tFabc-0001Xy-2Z ** ana@hotmail.example R=dnslookup T=remote_smtp "
        f"H={OUTLOOK} [198.51.100.7] I=[192.0.2.8]:40000 X=TLS1.3 CV=yes: SMTP error from remote "
        "mail server after MAIL FROM:<info@shop.example> SIZE=900: 550-5.7.1 [192.0.2.8 18] Our "
        "system\\n550 5.7.1 has blocked it"
    )
    found = MainLog().understood(line.encode(), START)
    assert isinstance(found, Tried)
    assert (found.result, found.host, found.source) == (Result.REJECTED, OUTLOOK, "192.0.2.8")
    assert found.said == "550-5.7.1 [192.0.2.8 18] Our system 550 5.7.1 has blocked it"
