"""systemd's journal as the log: a real journald, and a real Postfix that writes to it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from agents.detection.detector import Detector
from agents.mta.journal import Journal, JournalLog
from agents.mta.logfile import NoLog, Place
from agents.mta.postfix.commands import Commands
from agents.mta.postfix.maillog import log_file
from agents.mta.postfix.outgoing import Outgoing
from tests.real.postfix import needs_postfix
from tests.real.secluded import SecludedPostfix, secluded
from workers.demo.inbox import Inbox

pytestmark = pytest.mark.real

ROOT = Journal(writers=frozenset({0}))


@pytest.fixture
async def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, ...]]:
    """Where the journal is; `journalctl` reads it from here too."""
    async with secluded({}, journal=True) as prefix:
        program = tmp_path / "bin" / "journalctl"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\nexec {" ".join(prefix)} {shutil.which("journalctl")} "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        yield prefix


async def says(there: tuple[str, ...], *words: str, user: str = "root") -> None:
    """Lines in the journal, once it has them."""
    for each in words:
        await run(*there, "setpriv", f"--reuid={user}", "--clear-groups",
                  "logger", "-p", "mail.info", "-t", "postfix/qmgr", each)  # fmt: skip
    await run("journalctl", "--sync")


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


def words(log: JournalLog) -> list[str]:
    return [line.decode().partition("]: ")[2].rstrip("\n") for line in log.lines()]


async def test_each_line_comes_once_from_the_end_of_what_was_there_over_restarts(
    there: tuple[str, ...],
) -> None:
    await says(there, "before")
    log = JournalLog(ROOT)
    assert words(log) == []
    await says(there, "4fXB1: removed", "two\nlines", "ñ " + "x" * 500)
    assert words(log) == ["4fXB1: removed", "two lines", "ñ " + "x" * 500]
    assert words(log) == []
    await says(there, "while it was away")
    again = JournalLog(ROOT, log.place)
    assert words(again) == ["while it was away"]
    assert not again.gap


async def test_lines_of_other_users_and_facilities_are_passed_over(
    there: tuple[str, ...],
) -> None:
    log = JournalLog(ROOT)
    await says(there, "forged", user="nobody")
    await run(*there, "logger", "-p", "daemon.info", "-t", "postfix/qmgr", "other")
    await says(there, "own")
    assert words(log) == ["own"]


async def test_a_line_is_as_syslog_would_have_written_it(there: tuple[str, ...]) -> None:
    log = JournalLog(ROOT)
    await says(there, "4fXB1: removed")
    [line] = log.lines()
    event = Outgoing(Path("/etc/postfix")).understood(line, 0)
    assert event is not None
    assert event.queue_id == "4fXB1"


async def test_reading_that_is_broken_off_goes_on_after_the_last_line_that_was_given(
    there: tuple[str, ...],
) -> None:
    log = JournalLog(ROOT)
    await says(there, "one", "two", "three")
    lines = log.lines()
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    assert words(JournalLog(ROOT, log.place)) == ["two", "three"]


async def test_a_place_that_the_journal_has_dropped_is_a_gap(
    there: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    log = JournalLog(ROOT)
    await says(there, "one")
    words(log)
    gone = log.place.cursor.replace("i=", "i=f")
    again = JournalLog(ROOT, Place(cursor=gone))
    assert again.gap
    assert "rotated away" in caplog.text


async def test_a_place_that_is_none_is_said(there: tuple[str, ...]) -> None:
    with pytest.raises(NoLog, match="cursor"):
        JournalLog(ROOT, Place(cursor="nonsense"))


async def test_a_postfix_that_logs_to_the_journal_alone_is_watched(
    there: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_postfix()
    monkeypatch.setattr("agents.mta.postfix.maillog._SYSLOG_FILES", (tmp_path / "none",))
    monkeypatch.setattr("agents.mta.journal._FOLDERS", (tmp_path,))
    async with (
        Inbox("far.example") as inbox,
        SecludedPostfix(there, "maillog_file =", next_hop=inbox.address) as postfix,
    ):
        traffic = Outgoing(postfix.config_dir)
        source = await traffic.file()
        assert isinstance(source, Journal)
        assert await log_file(Commands(postfix.config_dir)) == source
        detector = Detector(traffic, source, tmp_path, 2_000_000_000)
        message = EmailMessage()
        message["Subject"] = "offer"
        for number in range(3):
            await postfix.submit("info@shop.example", [f"r{number}@far.example"], message)
            await inbox.wait_for(lambda _: len(inbox.messages) > number, seconds=30)  # noqa: B023
        while len(detector.memory.senders) < 1 or copies(detector) < 3:
            detector.look(2_000_000_000)
            await asyncio.sleep(0.1)
    assert copies(detector) == 3


def copies(detector: Detector) -> int:
    return sum(part.copies for part in detector.memory.senders["shop.example"].slices)
