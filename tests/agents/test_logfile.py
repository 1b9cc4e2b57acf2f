"""Each line of a log once, whatever rotates it and whenever nobody looks."""

import bz2
import gzip
import lzma
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from agents.mta.logfile import LogFile, NoLog, Place


class Log:
    """A log that is written and rotated; every line is told from all others."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.number = 0
        file.touch()

    def write(self, how_many: int = 1) -> list[str]:
        written = [f"Nov 24 20:27:44 mx line {self.number + n}" for n in range(how_many)]
        self.number += how_many
        with self.file.open("a") as opened:
            opened.writelines(f"{line}\n" for line in written)
        return written

    def rename(self, to: str = ".1") -> Path:
        rotated = self.file.with_name(f"{self.file.name}{to}")
        self.file.rename(rotated)
        self.file.touch()
        return rotated

    def copy_and_truncate(self, to: str = ".1") -> Path:
        rotated = self.file.with_name(f"{self.file.name}{to}")
        shutil.copy(self.file, rotated)
        self.file.write_bytes(b"")
        return rotated


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "mail.log")


def new_lines(reader: LogFile) -> list[str]:
    return [line.decode().rstrip("\n") for line in reader.lines()]


def again(log: Log, reader: LogFile) -> LogFile:
    """Another reader at the same place, as after a restart."""
    return LogFile(log.file, reader.place)


def gzipped(file: Path) -> None:
    _packed(file, ".gz", gzip.compress)


def bzipped(file: Path) -> None:
    _packed(file, ".bz2", bz2.compress)


def xzipped(file: Path) -> None:
    _packed(file, ".xz", lzma.compress)


def zstandarded(file: Path) -> None:
    _packed(file, ".zst", zstandard.ZstdCompressor().compress)


def in_two_frames(file: Path) -> None:
    """As whoever packs a log in pieces."""
    pack = zstandard.ZstdCompressor().compress
    _packed(file, ".zst", lambda text: pack(text[:20]) + pack(text[20:]))


def left_alone(file: Path) -> None:
    assert file.exists()


def _packed(file: Path, suffix: str, how: Callable[[bytes], bytes]) -> None:
    packed = file.with_name(file.name + suffix)
    packed.write_bytes(how(file.read_bytes()))
    shutil.copystat(file, packed)
    file.unlink()


def test_without_a_place_what_is_there_already_is_passed_over(log: Log) -> None:
    log.write(3)
    reader = LogFile(log.file)
    assert new_lines(reader) == []
    fresh = log.write(2)
    assert new_lines(reader) == fresh
    assert new_lines(reader) == []


def test_a_line_that_is_still_being_written_waits_until_it_is_whole(log: Log) -> None:
    reader = LogFile(log.file)
    with log.file.open("a") as opened:
        opened.write("half a")
    assert new_lines(LogFile(log.file)) == new_lines(reader) == []
    with log.file.open("a") as opened:
        opened.write(" line\n")
    assert new_lines(reader) == ["half a line"]


def test_a_half_written_line_at_the_first_start_is_read_when_it_is_whole(log: Log) -> None:
    with log.file.open("a") as opened:
        opened.write("whole\nhalf a")
    reader = LogFile(log.file)
    with log.file.open("a") as opened:
        opened.write(" line\n")
    assert new_lines(reader) == ["half a line"]


def test_reading_that_is_broken_off_goes_on_after_the_last_line_that_was_given(log: Log) -> None:
    reader = LogFile(log.file)
    written = log.write(5)
    lines = reader.lines()
    taken = [next(lines).decode().strip() for _ in range(2)]
    assert taken + new_lines(again(log, reader)) == written


@pytest.mark.parametrize("rotate", [Log.rename, Log.copy_and_truncate])
@pytest.mark.parametrize(
    "pack", [left_alone, gzipped, bzipped, xzipped, zstandarded, in_two_frames]
)
@pytest.mark.parametrize("size", [1, 50])
def test_a_rotation_while_nobody_looks_loses_nothing_and_repeats_nothing(
    log: Log, rotate: Callable[[Log], Path], pack: Callable[[Path], None], size: int
) -> None:
    log.write(size)
    reader = LogFile(log.file)
    before = log.write(size)
    assert new_lines(reader) == before
    after = log.write(size)
    pack(rotate(log))
    after += log.write(size)
    assert new_lines(again(log, reader)) == after
    assert new_lines(reader) == after
    assert new_lines(again(log, reader)) == []


def test_several_rotations_while_nobody_looks_are_read_in_their_order(log: Log) -> None:
    log.write()
    reader = LogFile(log.file)
    written = log.write(40)
    gzipped(log.rename("-20261122"))
    written += log.write(40)
    gzipped(log.rename("-20261123"))
    written += log.write(40)
    log.rename("-20261124")
    written += log.write(40)
    taken = []
    for number, line in enumerate(reader.lines()):
        taken.append(line.decode().strip())
        if number == 60:
            break
    assert taken + new_lines(again(log, reader)) == written


def test_a_log_that_grew_past_our_place_after_it_was_cut_is_another_log(log: Log) -> None:
    log.write()
    reader = LogFile(log.file)
    log.write(2)
    new_lines(reader)
    rest = log.write(1)
    log.copy_and_truncate()
    grown = log.write(30)
    assert new_lines(reader) == rest + grown


def test_the_old_file_is_read_on_while_the_new_one_is_empty(log: Log) -> None:
    log.write()
    reader = LogFile(log.file)
    rotated = log.rename()
    assert new_lines(reader) == []
    # syslog goes on with the file that it has open until it is told.
    with rotated.open("a") as opened:
        opened.write("late\n")
    assert new_lines(reader) == ["late"]
    fresh = log.write(2)
    assert new_lines(reader) == fresh


def test_a_line_longer_than_any_is_passed_over_in_pieces(log: Log) -> None:
    reader = LogFile(log.file)
    with log.file.open("a") as opened:
        opened.write("\0" * 200_000 + "\n")
    written = log.write(2)
    assert new_lines(reader) == written
    assert new_lines(again(log, reader)) == []


def test_other_files_beside_the_log_are_no_part_of_it(log: Log) -> None:
    log.write()
    reader = LogFile(log.file)
    for name in ("mail.log.bak", "mail.log.1.gz.tmp", "mail.logs.1", "mail.log-old"):
        log.file.with_name(name).write_text("Nov 24 20:27:44 mx other\n" * 9)
    rest = log.write(2)
    log.rename()
    assert new_lines(reader) == rest


def test_a_rotated_file_that_is_still_being_compressed_is_read_as_it_was(log: Log) -> None:
    log.write()
    reader = LogFile(log.file)
    rest = log.write(2)
    rotated = log.rename()
    log.write(1)
    rotated.with_name("mail.log.1.gz").write_bytes(gzip.compress(rotated.read_bytes())[:9])
    assert new_lines(reader)[:2] == rest


def test_a_packed_file_whose_end_is_missing_is_not_taken_for_the_whole(log: Log) -> None:
    log.write()
    reader = LogFile(log.file)
    log.write(200)
    rotated = log.rename()
    whole = zstandard.ZstdCompressor().compress(rotated.read_bytes())
    rotated.unlink()
    rotated.with_name("mail.log.1.zst").write_bytes(whole[:-9])
    fresh = log.write(1)
    assert new_lines(reader) == fresh
    assert reader.gap


def test_a_log_that_was_deleted_unread_is_said_and_the_new_one_is_read(log: Log) -> None:
    log.write(9)
    reader = LogFile(log.file)
    log.file.unlink()
    written = log.write(2)
    assert not reader.gap
    assert new_lines(reader) == written
    assert reader.gap


def test_a_place_that_an_older_agent_kept_is_found_by_its_inode(log: Log) -> None:
    log.write(2)
    place = Place(inode=log.file.stat().st_ino, offset=log.file.stat().st_size)
    rest = log.write(1)
    log.rename()
    rest += log.write(1)
    assert new_lines(LogFile(log.file, place)) == rest


def test_without_a_log_it_is_said_which(tmp_path: Path) -> None:
    with pytest.raises(NoLog, match=r"none\.log: No such file"):
        LogFile(tmp_path / "none.log")
