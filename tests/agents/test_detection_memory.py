"""What the detector remembers: each line once, in bounded room, whatever happens to the host."""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.detection import counting
from agents.detection.memory import remembered
from agents.detection.sketch import added, distinct, keyed
from agents.mta.logfile import LogFile
from domain.detection.traffic import DAYS, HOUR
from tests.agents.sending import DAY, SHOP, Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_nothing_of_a_recipient_is_kept_or_told(host: Host) -> None:
    queue_id = host.queued(SHOP)
    host.tried(queue_id, "victim@far.example", "deferred", "4.7.1", "host mx[x] said: 450 later")
    host.send(300)
    [found] = host.look(15)
    kept = (host.state / "detection.json").read_text()
    assert "far.example" not in kept + repr(found)
    memory = host.detector.memory
    assert keyed("victim@far.example", bytes.fromhex(memory.key)) in memory.passing[queue_id].tried
    assert keyed("victim@far.example", b"guessed") not in memory.passing[queue_id].tried


@pytest.mark.parametrize("saved", [True, False])
def test_after_a_crash_every_line_is_counted_once(host: Host, saved: bool) -> None:
    host.send(150)
    host.look(15)
    host.send(60)
    if saved:
        assert len(host.look(15)) == 1
    else:
        assert len(host.detector.look(host.now + 15)) == 1
    host.start()
    found = host.look(15)
    assert len(found) == (0 if saved else 1)
    assert sum(part.copies for part in host.detector.memory.senders[SHOP].slices) == 210
    assert len(host.detector.memory.outbox) == 1


def test_a_rotation_while_the_agent_is_down_loses_nothing(host: Host) -> None:
    host.send(90)
    host.look(15)
    host.send(90)
    rotated = host.log.with_name("mail.log.1.gz")
    rotated.write_bytes(gzip.compress(host.log.read_bytes()))
    shutil.copystat(host.log, rotated)
    host.log.unlink()
    host.send(30)
    host.start()
    [found] = host.look(15)
    assert found.copies == 210


def test_an_outbreak_while_the_agent_was_down_is_found_at_the_time_of_its_log(host: Host) -> None:
    host.look(15)
    host.send(300)
    burst = host.now
    host.now += 5 * HOUR
    host.send(3)
    host.start()
    [found] = host.look(15)
    assert found.copies == 300
    assert burst <= found.seen_at.timestamp() < burst + counting.SLICE
    assert host.detector.memory.senders[SHOP].outbreak is not None


def test_days_whose_log_is_lost_are_not_learned_as_days_without_mail(host: Host) -> None:
    host.days(DAYS, copies=60)
    host.now += 40 * DAY
    host.log.unlink()
    host.send(100)
    host.start()
    assert host.look(15) == ()
    assert sorted(host.detector.memory.senders[SHOP].peaks.copies)[-4] == 60


def test_a_machine_that_does_not_know_the_time_yet_counts_nothing_until_it_does(
    host: Host,
) -> None:
    host.days(8, copies=60)
    now = host.now
    host.send(150)
    host.now = 86_400
    host.start()
    assert host.look(0) == ()
    host.now = now
    assert host.look(15) == ()
    host.send(40)
    [found] = host.look(15)
    assert (found.copies, len(host.detector.memory.senders[SHOP].peaks.copies)) == (190, 8)


def test_a_clock_that_was_ahead_for_a_while_spoils_nothing(host: Host) -> None:
    host.days(8, copies=60)
    now = host.now
    host.now += 4_000 * DAY
    assert host.look(0) == ()
    host.now = now
    host.send(150)
    assert host.look(15) == ()
    host.send(40)
    [found] = host.look(15)
    assert found.copies == 190
    assert "at most 60" in found.reasons[0]


def test_what_was_found_before_the_log_broke_is_said_at_the_next_look(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = LogFile.lines

    def broken(log: LogFile) -> Iterator[bytes]:
        yield from whole(log)
        raise OSError("the disk is gone")

    host.send(300)
    host.now += 700
    host.send(1)
    monkeypatch.setattr(LogFile, "lines", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        host.detector.look(host.now)
    monkeypatch.setattr(LogFile, "lines", whole)
    [found] = host.look(15)
    assert found.copies == 300


def test_lines_of_a_log_that_is_read_anew_are_not_counted_again(host: Host) -> None:
    host.send(150)
    host.look(15)
    lines = host.log.read_text()
    host.log.unlink()
    host.log.write_text("edited\n" + lines)
    host.now += 1
    host.send(9)
    assert host.look(15) == ()
    assert sum(part.copies for part in host.detector.memory.senders[SHOP].slices) == 159


def test_a_log_of_another_time_zone_or_year_is_counted_now(host: Host) -> None:
    now = host.now
    for wrong in (now - 7 * HOUR, now + 7 * HOUR):
        host.now = wrong
        host.send(101)
        host.now = now
        host.look(0)
    assert sum(part.copies for part in host.detector.memory.senders[SHOP].slices) == 202
    assert host.detector.memory.clock == now


def test_a_memory_that_cannot_be_read_is_put_aside_and_learning_begins_anew(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.send(10)
    host.look(15)
    file = host.state / "detection.json"
    broken = file.read_text()[:-40]
    file.write_text(broken)
    host.start()
    assert "learns anew" in caplog.text
    assert (host.state / "detection.json.unreadable").read_text() == broken
    assert host.look(15) == ()
    host.send(201)
    assert len(host.look(15)) == 1
    assert remembered(file) is not None


def test_made_up_domains_do_not_displace_those_that_are_known(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_MOST_SENDERS", 40)
    host.days(8, copies=40)
    for number in range(200):
        host.send(1, domain=f"d{number}.example")
        host.look(1)
    memory = host.detector.memory
    assert len(memory.senders) <= 40
    assert len(memory.senders[SHOP].peaks.copies) == 8


def test_the_queues_messages_are_followed_up_to_a_bound(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_MOST_PASSING", 50)
    for _ in range(60):
        host.queued(SHOP)
    host.look(15)
    assert len(host.detector.memory.passing) == 50


def test_a_domain_that_is_silent_for_four_weeks_is_forgotten(host: Host) -> None:
    host.send(5)
    for _ in range(DAYS):
        host.send(1, domain="bakery.example")
        host.look(DAY)
    assert SHOP in host.detector.memory.senders
    host.send(1, domain="bakery.example")
    host.look(DAY)
    assert list(host.detector.memory.senders) == ["bakery.example"]


def test_the_memory_is_small(host: Host) -> None:
    for number in range(50):
        host.send(3, domain=f"d{number}.example")
    host.look(15)
    size = len((host.state / "detection.json").read_bytes())
    assert size < 50 * 1_000
    assert json.loads((host.state / "detection.json").read_bytes())["place"]["offset"] > 0


@pytest.mark.parametrize("many", [10, 255, 1_000, 50_000])
def test_different_recipients_are_counted_exactly_or_to_some_percent(many: int) -> None:
    sketches: list[tuple[int, ...]] = [(), (), ()]
    for number in range(many):
        for part in {number % 3, (number + 1) % 2}:
            sketches[part] = added(sketches[part], keyed(f"r{number}@far.example", b"key"))
    assert all(len(sketch) <= 256 for sketch in sketches)
    assert distinct(sketches) == pytest.approx(many, rel=0 if many < 256 else 0.2)
