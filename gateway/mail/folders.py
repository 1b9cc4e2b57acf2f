"""Reports in files: one in a file, many in an mbox, a Maildir or a directory tree."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.formats.port import LARGEST

_LINE = 64 * 1024
"""Bytes that are read at once; a longer line comes in pieces."""

_SEPARATOR = re.compile(rb"From [^\r\n]*\d\d:\d\d[^\r\n]*\d{4}")
_DATED = 256
"""Bytes of a line in which a separator has its sender and date (RFC 4155)."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A report at `name`, or why it is `unreadable`. `read` is how many bytes it took to find."""

    name: str
    content: bytes = b""
    read: int = 0
    unreadable: str | None = None


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files at the paths, in order. A path that is no directory stands for itself.

    Of a Maildir (`cur`, `new`, `tmp`) only delivered messages count, not a server's own files
    beside them. In other directories hidden files are left out.
    """
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        else:
            yield path


def reports(file: Path) -> Iterator[Found]:
    """The reports in a file, `-` being standard input, without ever holding more than one."""
    try:
        with ExitStack() as opened:
            standard = str(file) == "-"
            stream = sys.stdin.buffer if standard else opened.enter_context(file.open("rb"))
            if _SEPARATOR.match(_peek(stream)):
                yield from _mbox(str(file), stream)
            else:
                content = stream.read(LARGEST + 1)
                yield _found(str(file), content, len(content))
    except OSError as error:
        yield Found(name=str(file), unreadable=f"cannot be read: {error.strerror}")


def total(paths: Iterable[Path]) -> int:
    """Bytes of all the files at the paths, for a progress bar."""
    return sum(file.stat().st_size for file in files(paths) if file.is_file())


def _below(top: Path) -> Iterator[Path]:
    maildir = all((top / name).is_dir() for name in ("cur", "new", "tmp"))
    try:
        entries = sorted(top.iterdir())
    except OSError:
        yield top  # it is named when it is read
        return
    for path in entries:
        hidden = path.name.startswith(".")
        if path.is_dir():
            # Folders of a Maildir begin with a dot; what a link leads to may lead back here.
            wanted = path.name != "tmp" if maildir else not hidden
            if wanted and not path.is_symlink():
                yield from _below(path)
        elif not maildir and not hidden and (path.is_file() or not path.exists()):
            yield path


def _peek(stream: BinaryIO) -> bytes:
    peek = getattr(stream, "peek", None)
    return bytes(peek(_DATED)[:_DATED]) if peek is not None else b""


def _mbox(name: str, stream: BinaryIO) -> Iterator[Found]:
    """The messages as they stand between the separators, which follow a blank line."""
    number, read, content = 0, 0, bytearray()
    blank, starts = b"\n", True
    while line := stream.readline(_LINE):
        if starts and blank and _SEPARATOR.match(line, 0, _DATED):
            if number:
                yield _found(f"{name}: {number}", bytes(content), read)
            number, read, content, blank = number + 1, 0, bytearray(), b""
        else:
            content += blank  # it was the message's own, and no end
            blank = line if starts and line in (b"\n", b"\r\n") else b""
            content += b"" if blank else line
            del content[LARGEST + 1 :]
        read += len(line)
        starts = line.endswith(b"\n")
    yield _found(f"{name}: {number}", bytes(content), read)


def _found(name: str, content: bytes, read: int) -> Found:
    if len(content) > LARGEST:
        return Found(name=name, read=read, unreadable=f"has more than {LARGEST} bytes")
    return Found(name=name, content=content, read=read)
