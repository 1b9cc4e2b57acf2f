"""Small files that must never be found half written."""

import os
from pathlib import Path


class NotKept(OSError):
    """A file could not be written, most often for want of room; the one before is in place."""


def replace_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Put `text` at `path` in one step: readers and crashes see the old file or the new one.

    Raises NotKept.
    """
    try:
        _replace(path, text, mode)
    except OSError as error:
        raise NotKept(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, text: str, mode: int) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as opened:  # noqa: PTH123
        os.fchmod(opened.fileno(), mode)
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(path)
