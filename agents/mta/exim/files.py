"""Small files that Exim reads, and nobody else but root."""

import os
from pathlib import Path


def replace_for_group(file: Path, text: str, group: int) -> None:
    """Put `text` at `file` in one step, for its owner to write and a group to read.

    -1 leaves the group as this process makes it.
    """
    fresh = file.with_name(f".{file.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:  # noqa: PTH123
        os.fchown(opened.fileno(), -1, group)
        os.fchmod(opened.fileno(), 0o640)
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
