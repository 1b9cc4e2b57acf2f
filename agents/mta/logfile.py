"""A growing log read line by line, each line once, whatever rotates it and whenever we are down.

A place in a log is known by what was written before it, not by the file's name or inode: so it is
found again in a file that was renamed, copied before the original was cut to nothing (logrotate's
`copytruncate`), or compressed, however many files came after it.
"""

import bz2
import gzip
import hashlib
import logging
import lzma
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard

log = logging.getLogger("plazo.host_agent")

_MARKED = 256
"""Bytes in front of a place that identify it: two lines, with their moments and queue ids."""
_ROTATED = re.compile(r"[.-]\d[\d-]*(?P<packed>\.(?:gz|bz2|xz|zst))?")
"""What logrotate, Debian's savelog and `postfix logrotate` put after a log's name."""
_CHUNK = 1 << 20
_LONGEST = 1 << 16
"""Bytes of a line. Longer is none of a mail server's, as the hole that a full disk leaves."""
_BROKEN = (OSError, EOFError, lzma.LZMAError, zstandard.ZstdError)
"""A compressed file that is still being written, or is none."""


class NoLog(Exception):
    """The mail server's log is not in a file that this agent can read; set it to write one."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far a log was read."""

    inode: int = 0
    """Of the file, which tells an empty one from the next."""
    offset: int = 0
    mark: str = ""
    """The hash of what stands before the offset; "" in a place kept by an older agent."""
    cursor: str = ""
    """Of an entry of systemd's journal, in place of the others."""


class LogFile:
    """The log at `path`, from `place` on; from the end of what is there now without one."""

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self.path = path
        self._inode = 0
        self._offset = 0
        self._before = b""
        self._mark = ""
        self.gap = False
        """Whether lines were lost: the file that we were in is gone. It stays so once it is."""
        if place is None:
            self._to_the_end()
        else:
            self._inode, self._offset, self._mark = place.inode, place.offset, place.mark

    @property
    def place(self) -> Place:
        """After the last line that `lines` gave."""
        if self._before:
            self._mark = _mark(self._before)
        return Place(inode=self._inode, offset=self._offset, mark=self._mark)

    def lines(self) -> Iterator[bytes]:
        """Every whole line that came since, in order. Raises NoLog."""
        with self._opened() as current:
            inode = _inode(current)
            if not _is_at(current, inode, self.place):
                rotated = self._rotated(self.place)
                for number, each in enumerate(rotated):
                    with _open(each) as opened:
                        if number:
                            self._begin(each.stat().st_ino)
                        yield from self._rest(opened)
                if rotated and not _size(current):
                    return  # Whoever writes may still have the old file open.
                self._begin(inode)
            yield from self._rest(current)

    def _rotated(self, place: Place) -> list[Path]:
        """The file that we were in and its successors, the oldest first; none if it is gone."""
        found: dict[str, Path] = {}
        for each in self.path.parent.glob(f"{self.path.name}[.-]*"):
            match = _ROTATED.fullmatch(each.name.removeprefix(self.path.name))
            if match is not None:
                stem = each.name.removesuffix(match["packed"] or "")
                # While a file is being compressed it is there twice.
                if stem not in found or match["packed"] is None:
                    found[stem] = each
        newest_first = sorted(found.values(), key=lambda each: each.stat().st_mtime_ns)[::-1]
        for number, each in enumerate(newest_first):
            with suppress(*_BROKEN), _open(each) as opened:
                if _is_at(opened, each.stat().st_ino, place):
                    return newest_first[number::-1]
        self.gap = True
        log.warning("the log was rotated away unread", extra={"log": str(self.path)})
        return []

    def _rest(self, opened: IO[bytes]) -> Iterator[bytes]:
        opened.seek(start := max(0, self._offset - _MARKED))
        self._before = opened.read(self._offset - start)
        whole = True
        while line := opened.readline(_LONGEST):
            ends = line.endswith(b"\n")
            if not ends and len(line) < _LONGEST:
                return
            self._offset += len(line)
            self._before = (self._before + line)[-_MARKED:]
            if whole and ends:
                yield line
            whole = ends

    def _begin(self, inode: int) -> None:
        self._inode, self._offset, self._before, self._mark = inode, 0, b"", ""

    def _to_the_end(self) -> None:
        """After the last whole line."""
        with self._opened() as current:
            self._begin(_inode(current))
            end = current.seek(0, 2)
            while end:
                start = max(0, end - _CHUNK)
                current.seek(start)
                last = current.read(end - start).rfind(b"\n")
                if last >= 0:
                    self._offset = start + last + 1
                    break
                end = start
            current.seek(start := max(0, self._offset - _MARKED))
            self._before = current.read(self._offset - start)

    def _opened(self) -> IO[bytes]:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise NoLog(f"{self.path}: {error.strerror}") from error


def _is_at(opened: IO[bytes], inode: int, place: Place) -> bool:
    """Whether this is the file that the place is in."""
    if not place.offset or not place.mark:
        return inode == place.inode and _size(opened) >= place.offset
    start = max(0, place.offset - _MARKED)
    opened.seek(start)
    before = opened.read(place.offset - start)
    return len(before) == place.offset - start and _mark(before) == place.mark


def _open(file: Path) -> IO[bytes]:
    match file.suffix:
        case ".gz":
            return cast(IO[bytes], gzip.open(file))
        case ".bz2":
            return bz2.open(file)
        case ".xz":
            return lzma.open(file)
        case ".zst":
            return _unpacked(file)
    return file.open("rb")


def _unpacked(file: Path) -> IO[bytes]:
    """A copy that can be read from any place on, which a stream of Zstandard cannot.

    Raises EOFError where the end is missing.
    """
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - whoever opens the log closes it
    try:
        with file.open("rb") as packed:
            frame = zstandard.ZstdDecompressor().decompressobj()
            while chunk := packed.read(_CHUNK):
                copy.write(frame.decompress(chunk))
                while frame.eof and (more := frame.unused_data):
                    frame = zstandard.ZstdDecompressor().decompressobj()
                    copy.write(frame.decompress(more))
        if not frame.eof:
            raise EOFError(f"{file} is cut off")
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


def _mark(before: bytes) -> str:
    return hashlib.sha256(before[-_MARKED:]).hexdigest()[:32]


def _inode(opened: IO[bytes]) -> int:
    return os.fstat(opened.fileno()).st_ino


def _size(opened: IO[bytes]) -> int:
    return opened.seek(0, 2)
