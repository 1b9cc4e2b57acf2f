"""Counting what a smarthost took: once a message, whatever is in the log and when it is read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents.mta.logfile import NoLog
from agents.mta.postfix.maillog import RelayedLog
from domain.measures import Measure, Restriction, Scope
from tests.agents.gateway import a_hold

REDIRECT = replace(
    a_hold("redirect"),
    restriction=Restriction(
        measure=Measure.SMARTHOST_REDIRECT, scope=Scope.DOMAIN, targets=("shop.example",)
    ),
    smarthost="smart.example:2525",
)


class Log:
    """A mail log as Postfix writes it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.touch()

    def line(self, program: str, words: str, end: str = "\n") -> None:
        with self.file.open("a") as opened:
            opened.write(f"Nov 24 20:27:44 mx postfix/{program}[6236]: {words}{end}")

    def queued(self, queue_id: str, sender: str = "info@shop.example") -> None:
        self.line("qmgr", f"{queue_id}: from=<{sender}>, size=419, nrcpt=1 (queue active)")

    def sent(
        self, queue_id: str, *, to: str = "x@far.example", relay: str = "smart.example",
        status: str = "sent", port: int = 2525,
    ) -> None:  # fmt: skip
        dsn = "2.0.0" if status == "sent" else "4.4.1"
        self.line(
            "smtp",
            f"{queue_id}: to=<{to}>, relay={relay}[192.0.2.1]:{port}, delay=0.01, "
            f"delays=0.01/0/0/0, dsn={dsn}, status={status} (250 2.0.0 taken)",
        )

    def removed(self, queue_id: str) -> None:
        self.line("qmgr", f"{queue_id}: removed")

    def message(self, queue_id: str, **how: str) -> None:
        self.queued(queue_id)
        self.sent(queue_id, **how)  # type: ignore[arg-type]
        self.removed(queue_id)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "mail.log")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "relayed.json"


def watching(log: Log, state: Path) -> RelayedLog:
    relayed = RelayedLog(log.file, state)
    relayed.watch((REDIRECT,))
    return relayed


def test_what_was_sent_before_the_measure_does_not_count(log: Log, state: Path) -> None:
    log.message("4jYvWN5K9FzJ9Ht")
    assert watching(log, state).total("redirect") == 0


def test_a_message_to_many_counts_once_and_a_deferred_one_when_it_is_taken(
    log: Log, state: Path
) -> None:
    relayed = watching(log, state)
    log.queued("ABCDE1")
    log.sent("ABCDE1", status="deferred")
    assert relayed.total("redirect") == 0
    log.queued("ABCDE1")
    log.sent("ABCDE1")
    log.sent("ABCDE1", to="second@far.example")
    assert relayed.total("redirect") == 1


def test_other_senders_and_other_relays_do_not_count(log: Log, state: Path) -> None:
    relayed = watching(log, state)
    log.queued("ABCDE1", "info@bakery.example")
    log.sent("ABCDE1")
    log.message("ABCDE2", relay="mx.far.example")
    log.queued("ABCDE3")
    log.sent("ABCDE3", port=25)
    assert relayed.total("redirect") == 0


def test_a_short_queue_id_that_is_used_again_is_another_message(log: Log, state: Path) -> None:
    relayed = watching(log, state)
    log.message("ABCDE1")
    log.message("ABCDE1")
    assert relayed.total("redirect") == 2


def test_a_restart_between_a_messages_recipients_counts_it_once(log: Log, state: Path) -> None:
    relayed = watching(log, state)
    log.queued("ABCDE1")
    log.sent("ABCDE1")
    assert relayed.total("redirect") == 1
    log.sent("ABCDE1", to="second@far.example")
    assert watching(log, state).total("redirect") == 1


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(log: Log, state: Path) -> None:
    relayed = watching(log, state)
    log.line("qmgr", "ABCDE1: from=<info@shop.", end="")
    assert relayed.total("redirect") == 0
    with log.file.open("a") as opened:
        opened.write("example>, size=419, nrcpt=1 (queue active)\n")
    log.sent("ABCDE1")
    assert relayed.total("redirect") == 1


def test_the_rest_of_a_rotated_log_and_all_of_the_new_one_count(log: Log, state: Path) -> None:
    relayed = watching(log, state)
    log.message("ABCDE1")
    assert relayed.total("redirect") == 1
    log.message("ABCDE2")
    log.file.rename(log.file.with_name("mail.log.1"))
    log.file.touch()
    log.message("ABCDE3")
    assert watching(log, state).total("redirect") == 3


def test_a_log_that_was_cut_to_nothing_is_read_from_its_beginning(log: Log, state: Path) -> None:
    relayed = watching(log, state)
    log.message("ABCDE1")
    log.message("ABCDE2")
    assert relayed.total("redirect") == 2
    log.file.write_text("")
    log.message("ABCDE3")
    assert relayed.total("redirect") == 3


@pytest.mark.parametrize(
    "recipient",
    [
        '"x>, relay=smart.example[192.0.2.1]:2525, delay=0, delays=0/0/0/0, dsn=2.0.0, '
        'status=sent (y"@far.example',
        "x@far.example, relay=smart.example",
    ],
)
def test_a_recipient_that_reads_like_a_delivery_counts_for_nothing(
    log: Log, state: Path, recipient: str
) -> None:
    relayed = watching(log, state)
    log.queued("ABCDE1")
    log.sent("ABCDE1", to=recipient, relay="mx.far.example", status="deferred")
    assert relayed.total("redirect") == 0


def test_words_of_another_program_that_read_like_postfixs_count_for_nothing(
    log: Log, state: Path
) -> None:
    relayed = watching(log, state)
    log.queued("ABCDE1")
    with log.file.open("a") as opened:
        opened.write(
            "Nov 24 20:27:44 mx dovecot[1]: login <Nov 24 20:27:44 mx postfix/smtp[1]: ABCDE1: "
            "to=<x@far.example>, relay=smart.example[192.0.2.1]:2525, delay=0, delays=0/0/0/0, "
            "dsn=2.0.0, status=sent (ok)\n"
        )
    assert relayed.total("redirect") == 0


def test_without_a_log_the_reason_says_what_to_set(tmp_path: Path, state: Path) -> None:
    with pytest.raises(NoLog, match=r"set maillog_file in main\.cf"):
        RelayedLog(tmp_path / "no.log", state).watch((REDIRECT,))


def test_a_counter_keeps_its_name_over_a_restart_and_has_another_once_it_is_lost(
    log: Log, state: Path
) -> None:
    relayed = watching(log, state)
    log.message("ABCDE1")
    assert (relayed.total("redirect"), watching(log, state).name) == (1, relayed.name)
    state.unlink()
    afresh = watching(log, state)
    log.message("ABCDE2")
    assert afresh.name not in ("", relayed.name)
    assert afresh.total("redirect") == 1


def test_a_file_of_an_older_agent_goes_on_without_a_name(log: Log, state: Path) -> None:
    relayed = watching(log, state)
    log.message("ABCDE1")
    assert relayed.total("redirect") == 1
    kept = json.loads(state.read_text())
    del kept["name"]
    state.write_text(json.dumps(kept))
    log.message("ABCDE2")
    older = watching(log, state)
    assert (older.name, older.total("redirect")) == ("", 2)
