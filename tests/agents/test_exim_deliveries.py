"""What is counted and noticed in Exim's main log."""

from dataclasses import replace
from pathlib import Path

import pytest

from agents.mta.exim.deliveries import Deliveries
from agents.mta.logfile import NoLog
from domain.hosts import Desired
from domain.measures import Measure, Restriction, Scope
from tests.agents.gateway import a_hold

ID, OTHER_ID = "1xW1AS-00029W-1D", "1xW1AS-00029W-1E"
SENT = 'R=plazo_smarthost T=plazo_smarthost H=smart.example [192.0.2.1] C="250 taken"'
HELD = "R=plazo_hold T=plazo_hold defer (-1): held"


def a_redirect(scope: Scope = Scope.DOMAIN) -> Desired:
    restriction = Restriction(
        measure=Measure.SMARTHOST_REDIRECT, scope=scope, targets=("shop.example",)
    )
    return replace(a_hold("redirect"), restriction=restriction, smarthost="smart.example:25")


class Log:
    """A main log that grows."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "mainlog"
        self.file.write_text("")
        self.state = folder / "deliveries.json"

    def says(self, *lines: str, stamp: str = "2026-11-25 00:47:24") -> None:
        with self.file.open("a") as opened:
            opened.writelines(f"{stamp} {line}\n" for line in lines)

    def reader(self) -> Deliveries:
        return Deliveries(self.file, self.state)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@pytest.fixture
def watching(log: Log) -> Deliveries:
    reader = log.reader()
    reader.watch((a_redirect(),), {})
    return reader


def test_a_message_counts_once_however_many_recipients_it_has(
    log: Log, watching: Deliveries
) -> None:
    log.says(
        f"{ID} <= info@shop.example U=root P=local S=281",
        f"{ID} => friend@far.example {SENT}",
        f"{ID} -> second@far.example {SENT}",
        f"{ID} => third@else.example {SENT}",
        f"{ID} Completed",
    )
    assert watching.total("redirect") == 1


@pytest.mark.parametrize(
    "line",
    [
        f"{ID} => friend@far.example R=smarthost T=remote_smtp H=far.example [192.0.2.1]",
        f"{ID} == friend@far.example {SENT.replace('C=', 'defer (1): ')}",
        f"{ID} ** friend@far.example {SENT.replace('C=', ': 554 no ')}",
        f"{OTHER_ID} => friend@far.example {SENT}",
        f'{ID} => "a {SENT}"@shop.example R=local T=local',
    ],
)
def test_what_the_smarthost_did_not_take_is_not_counted(
    log: Log, watching: Deliveries, line: str
) -> None:
    log.says(f"{ID} <= info@shop.example U=root P=local S=281")
    log.says(f"{OTHER_ID} <= info@bakery.example U=root P=local S=281", line)
    assert watching.total("redirect") == 0


@pytest.mark.parametrize(
    "stamp",
    ["2026-11-25 00:47:24.123", "2026-11-25 00:47:24 +0100", "2026-11-25 00:47:24 [4711]"],
)
def test_every_way_to_write_the_moment_will_do(log: Log, watching: Deliveries, stamp: str) -> None:
    log.says(
        f"{ID} <= info@shop.example U=root P=local S=281",
        f"{ID} => friend@far.example <forward@shop.example> F=<info@shop.example> {SENT}",
        stamp=stamp,
    )
    assert watching.total("redirect") == 1


def test_mail_that_was_queued_before_is_counted_and_nothing_twice_after_a_restart(log: Log) -> None:
    reader = log.reader()
    reader.watch((a_redirect(Scope.SERVER),), {ID: "", OTHER_ID: "info@bakery.example"})
    log.says(f"{ID} => friend@far.example {SENT}")
    assert reader.total("redirect") == 1
    log.says(f"{ID} -> second@far.example {SENT}", f"{OTHER_ID} => friend@far.example {SENT}")
    assert log.reader().total("redirect") == 2
    assert log.reader().total("redirect") == 2


def test_the_last_attempt_tells_whether_a_hold_stopped_a_message(log: Log) -> None:
    reader = log.reader()
    assert reader.stopped([ID, OTHER_ID]) == set()
    log.says(f"{ID} == friend@far.example {HELD}", f"{OTHER_ID} == friend@far.example {HELD}")
    assert log.reader().stopped([ID, OTHER_ID]) == {ID, OTHER_ID}
    log.says(f"{OTHER_ID} == friend@far.example R=dnslookup T=remote_smtp defer (111): refused")
    assert log.reader().stopped([ID, OTHER_ID]) == {ID}
    assert log.reader().stopped([]) == set()


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoLog, match="mainlog"):
        Deliveries(tmp_path / "mainlog", tmp_path / "state").total("redirect")


def test_a_counter_keeps_its_name_over_a_restart_and_has_another_once_it_is_lost(
    log: Log, watching: Deliveries
) -> None:
    log.says(f"{ID} <= info@shop.example U=root", f"{ID} => friend@far.example {SENT}")
    assert (watching.total("redirect"), log.reader().name) == (1, watching.name)
    log.state.unlink()
    afresh = log.reader()
    afresh.watch((a_redirect(),), {})
    log.says(f"{OTHER_ID} <= info@shop.example U=root", f"{OTHER_ID} => friend@far.example {SENT}")
    assert afresh.name not in ("", watching.name)
    assert afresh.total("redirect") == 1
