"""Header blocks that strangers wrote, read by the standard library within bounds."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import islice

LARGEST_BLOCK = 128 * 1024
"""Bytes of one header block, four times Sendmail's MaxHeadersLength; the rest is not read."""

LONGEST_VALUE = 4096
"""Characters of one field's value. What we look for is shorter; a long list of To is cut."""

_MOST_FIELDS = 1000
"""Fields of one header block that are looked at, ten times what long-travelled mail has."""

_END = re.compile(rb"\r?\n[ \t]*\r?\n")


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of a header block in their order, each on one printable line."""

    items: tuple[tuple[str, str], ...]
    """Names in lower case, values."""

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for known, value in self.items if known == wanted]

    def first(self, *names: str) -> str:
        """The first value of the first of these names that is there; else nothing."""
        return next((value for name in names for value in self.all(name) if value), "")


def split(content: bytes) -> tuple[Fields, bytes]:
    """The fields at the start, and what follows the first blank line."""
    content = content.lstrip(b"\r\n")
    end = _END.search(content, 0, LARGEST_BLOCK)
    block = content[: end.start() if end else LARGEST_BLOCK]
    return _fields(block), content[end.end() :] if end else b""


@lru_cache(maxsize=32)
def _fields(block: bytes) -> Fields:
    # Remembered, for each format looks at the same header, and parts have few different ones.
    # compat32 and raw_items: the newer policies parse values on the way, slowly or not at all.
    message = BytesHeaderParser(policy=compat32).parsebytes(block + b"\n\n")
    found = islice(message.raw_items(), _MOST_FIELDS)
    return Fields(items=tuple((name.lower(), _line(value)) for name, value in found))


def _line(raw: object) -> str:
    cut = str(raw)[:LONGEST_VALUE]
    text = cut.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return one_line(text)


def one_line(text: str) -> str:
    """The text without control characters, direction marks and the like, on one line."""
    line = " ".join(text.split())
    if line.isprintable():  # as nearly all are, and then it need not be looked at by character
        return line
    return " ".join("".join(char if char.isprintable() else " " for char in line).split())


def moment(text: str) -> datetime | None:
    """An RFC 5322 date; None if it is none. One without a known zone (`-0000`) is in UTC."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.utcoffset() is not None else found.replace(tzinfo=UTC)
